"""Usual names of label files are found; all that are missing are named at once."""

import pytest

from face_forgery.data.labels.locations import check_sources, find_spellings
from face_forgery.data.labels.manifest import ManifestError

USUAL = {
    "train_labels": "trainset_label.txt",
    "train_images": "trainset",
    "val_labels": "valset_label.txt",
    "val_images": "valset",
    "test_labels": "testset_nolabel.txt",
    "test_images": "testset",
}
OTHER = dict.fromkeys(
    ("train_label.txt", "train", "val_label.txt", "val", "test_nolabel.txt", "test")
)
PHASES = dict.fromkeys(("train_label.txt", "train", "phase1/valset_label.txt", "phase1/valset"))
SECOND = dict.fromkeys(("phase2/testset1_seen_nolabel.txt", "phase2/testset1_seen"))


@pytest.fixture
def make_root(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.touch() if path.suffix else path.mkdir()
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("there", "changes"),
    [
        (set(USUAL.values()), {}),
        ({*USUAL.values(), *PHASES, *SECOND}, {}),
        (set(USUAL.values()) - {"testset_nolabel.txt"}, {"test_labels": None}),
        (OTHER, dict(zip(USUAL, OTHER, strict=True))),
        (PHASES | SECOND, dict(zip(USUAL, [*PHASES, *SECOND], strict=True))),
    ],
    ids=["usual", "several", "no test set", "the other spelling", "phases"],
)
def test_the_spellings_of_the_challenge_are_found(make_root, there, changes):
    data = {"root": str(make_root(*there))} | USUAL
    assert find_spellings(data) == changes


def test_a_name_of_the_users_own_is_not_replaced(make_root):
    root = str(make_root("train_label.txt", "test_nolabel.txt"))
    assert find_spellings({"root": root, "train_labels": "mine.csv", "test_labels": "t.csv"}) == {}


def test_everything_that_is_missing_is_named_at_once(make_root, make_params):
    root = make_root("my_labels.csv")
    (root / "valset").touch()
    (root / "testset").write_bytes(b"PK\x03\x04" + bytes(30))
    params = make_params(**{"data.root": str(root)})
    with pytest.raises(ManifestError) as caught:
        check_sources(params.data)
    lines = str(caught.value).splitlines()
    assert "trainset_label.txt: no such label file" in lines[0]
    assert "trainset does not exist (data.root=" in lines[1]
    assert "or to null to split validation off" in lines[2]
    assert "valset is no folder, but a file" in lines[3]
    assert "or to null to do without" in lines[4]
    assert "testset is no folder, but a ZIP archive; unpack it" in lines[5]
    assert len(lines) == 6
    nothing = {f"data.{name}_labels": None for name in ("val", "test")}
    root = make_root("trainset_label.txt", "trainset")
    check_sources(make_params(**{"data.root": str(root)} | nothing).data)  # null is not missed


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("no/such/root", r"^.*data.root=no/such/root does not exist \(relative to /.*$"),
        ("set.zip", "set.zip is no folder, but a ZIP archive; unpack it"),
    ],
)
def test_a_root_that_is_no_folder_is_one_line(tmp_path, monkeypatch, make_params, root, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(ManifestError, match=message):
        check_sources(make_params(**{"data.root": root}).data)
