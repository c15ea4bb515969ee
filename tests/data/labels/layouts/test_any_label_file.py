"""Whatever a label file of a layout holds: rows, or one printable line."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from face_forgery.data.labels.manifest import ManifestError

WORDS = st.sampled_from(
    [
        "label",
        "FAKE",
        "real",
        "set",
        "train",
        "frames",
        "a/v/1.png",
        "original",
        "v",
        "../x",
        "\x1b",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
FF = ["original_sequences/youtube/c23/frames/000/1.png", "manipulated_sequences/a/c23/0_1/1.png"]
TREES = {
    "train.json": FF,
    "metadata.json": ["v/1.png"],
    "dataset.json": ["original_videos/v/1.png"],
    "dataset_json/x.json": ["a/v/1.png"],
    "metadata.jsonl": ["v.png"],
    "List_of_testing_videos.txt": ["Celeb-real/v/1.png", "Celeb-synthesis/w/1.png"],
    "labels.csv": ["frames/v/1.png"],
    "metadata.parquet": ["v.png"],
}


def check(read_tree, name, data):
    said = ""
    try:
        table, _ = read_tree(TREES[name], {name: data})
    except ManifestError as error:
        said = str(error)
    else:
        assert table["target"].isin([0, 1]).all()
    assert said == "" or said.isprintable(), said
    assert len(said) < 1500, said


@pytest.mark.parametrize("name", [name for name in TREES if ".json" in name])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=VALUES)
def test_any_json_is_read_or_refused(read_tree, name, value):
    check(read_tree, name, json.dumps(value))


@pytest.mark.parametrize("name", TREES)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused(read_tree, name, data):
    check(read_tree, name, data)


@pytest.mark.parametrize("name", ["metadata.json", "dataset_json/x.json"])
def test_texts_that_no_table_takes_are_refused(read_tree, name):
    for text in (r"\ud800", r"\u001b"):
        bench = f'{{"{text}": {{"a_real": {{"train": {{"v": {{"frames": ["a/v/1.png"]}}}}}}}}}}'
        dfdc = f'{{"v.mp4": {{"label": "FAKE", "original": "{text}"}}}}'
        data = dfdc if name == "metadata.json" else bench
        with pytest.raises(ManifestError, match=r"not UTF-8|control characters"):
            read_tree(TREES[name], {name: data})
    deep = '{"s":{"a_real":{"train":' + '{"v":' * 900 + "1" + "}" * 903
    check(read_tree, "dataset_json/x.json", deep)
