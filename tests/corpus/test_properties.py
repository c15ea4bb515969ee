"""What holds for any label file, not only for examples."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_forgery.config_loader import read_parameters
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.labels.readers import LabelFile, read_labels
from face_forgery.params import check_parameters

settings.register_profile("no_deadline", deadline=None)  # a busy machine is no failure
settings.load_profile("no_deadline")

PARAMS = check_parameters(read_parameters(Path(__file__).parents[2] / "conf"))
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


def read(data, subset="train"):
    return read_labels({subset: LabelFile("labels.txt", data)}, PARAMS.data, PARAMS.ingestion)


@settings(max_examples=150)
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


@settings(max_examples=30)
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
