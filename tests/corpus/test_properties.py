"""What holds for any label file, split, submission and set of scores, not only for examples."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelFile, read_label_source
from face_forgery.data.splits.partition import split_by_cluster
from face_forgery.inference.submission import SubmissionError, check_submission
from face_forgery.params import ColumnNames

settings.register_profile("no_deadline", deadline=None)  # a busy machine is no failure
settings.load_profile("no_deadline")

COLUMNS = ColumnNames(**{name: name for name in ("img_name", "target", "group", "kind", "source")})
SYNTAX = st.sampled_from(
    [
        *(bytes([byte]) for byte in b"\r\n,;\t \"'\\/.01aN=~\x00\x01\x85\xff"),
        *(
            b"img_name,target\n",
            b"a.jpg,0\n",
            b"\xef\xbb\xbf",
            b"../",
            b"\r\n",
            b'"a\nb"',
            b"group",
        ),
        "\u00e9".encode(),
    ]
)
NAMES = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="/\\\ufeff"
    ),
    min_size=1,
    max_size=8,
).map(lambda name: f"{name}.jpg")
SCORES = st.floats(0.0, 1.0, allow_nan=False)


def read(data, subset="train"):
    return read_label_source(
        LabelFile("labels.txt", data),
        subset=subset,
        labels="labels.txt",
        images="images",
        columns=COLUMNS,
        class_folders={"real": 0, "fake": 1},
    )


def split(frame, fraction, seed):
    clusters = pd.factorize(frame["group"])[0]
    proportions = np.array([1 - fraction, fraction])
    return split_by_cluster(frame, clusters, proportions=proportions, seed=seed) == 1


@settings(max_examples=300)
@given(parts=st.lists(SYNTAX, max_size=30), subset=st.sampled_from(["train", "test"]))
def test_any_bytes_give_a_table_or_an_error_that_names_the_file(parts, subset):
    try:
        table = read(b"".join(parts), subset)
    except ManifestError as error:
        assert str(error).startswith("labels.txt: ")  # noqa: PT017
    else:
        assert len(table)
        assert subset == "test" or table["target"].isin([0, 1]).all()
        assert not table["img_name"].str.contains(r"[\x00-\x1f\x7f]|^\.\.(?:/|$)").any()


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(NAMES, st.text(max_size=6)), min_size=1, max_size=6),
    wrong=st.integers(0, 5),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_a_wrong_target_is_found_on_its_line_whatever_stands_before_it(rows, wrong, ending):
    wrong %= len(rows)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["img_name", "target", "note"])
    line = 0
    for number, (name, note) in enumerate(rows):
        if number == wrong:
            line = len(file.getvalue().encode().splitlines()) + 1
        note = note.replace("\0", "").encode(errors="ignore").decode()
        writer.writerow([name, "7" if number == wrong else "1", note])
    with pytest.raises(ManifestError, match=rf"line {line}: '7'"):
        read(file.getvalue().encode())


@settings(max_examples=40)
@given(
    groups=st.lists(st.integers(0, 12), min_size=40, max_size=80),
    seed=st.integers(0, 2**32 - 1),
    fraction=st.floats(0.1, 0.5),
)
def test_a_split_is_of_whole_groups_and_loses_no_row(groups, seed, fraction):
    numbers = range(len(groups))
    frame = pd.DataFrame(
        {
            "path": [f"{number:03}.jpg" for number in numbers],
            "target": pd.array([number % 2 for number in numbers], dtype="Int8"),
            "group": [f"g{group}" for group in groups],
            "kind": [f"k{number % 3}" for number in numbers],
            "source": "s",
        }
    )
    assume(frame.groupby("target")["group"].nunique().min() >= 2)
    in_val = split(frame, fraction, seed)
    assert len(in_val) == len(frame)
    assert not set(frame["group"][in_val]) & set(frame["group"][~in_val])
    order = np.random.default_rng(seed).permutation(len(frame))
    assert (split(frame.iloc[order], fraction, seed) == in_val[order]).all()


@settings(max_examples=60)
@given(
    scores=st.dictionaries(NAMES, SCORES, min_size=2, max_size=8),
    damage=st.sampled_from(["drop", "repeat", "swap", "rename", "nan", "above", "below"]),
    place=st.integers(0, 7),
)
def test_a_submission_passes_as_it_is_and_with_no_single_fault(scores, damage, place):
    names = pd.Series(list(scores))
    good = pd.DataFrame({"img_name": names, "y_pred": list(scores.values())})
    assert check_submission(good, names) is good
    place %= len(good)
    other = (place + 1) % len(good)
    bad = good.copy()
    if damage == "drop":
        bad = bad.drop(index=place)
    elif damage == "repeat":
        bad = pd.concat([bad, bad.iloc[[place]]])
    elif damage == "swap":
        bad.loc[[place, other], "img_name"] = [names[other], names[place]]
    elif damage == "rename":
        bad.loc[place, "img_name"] = f" {names[place]}"
    else:
        bad.loc[place, "y_pred"] = {"nan": np.nan, "above": 1.0 + 1e-9, "below": -1e-9}[damage]
    with pytest.raises(SubmissionError, match=r"fault\(s\) in the submission"):
        check_submission(bad, names)
