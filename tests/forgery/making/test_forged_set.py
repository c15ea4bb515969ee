"""A labelled set of real images and forgeries made from them."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.forgery.making.forged_set import deal_circles, forge_set
from face_forgery.forgery.making.forger import Forger
from face_forgery.forgery.making.kinds import FORGING_KINDS
from face_forgery.forgery.making.landmark_table import find_landmarks, points_of
from face_forgery.forgery.making.landmarks import LandmarksError, five_of
from face_forgery.params import FacesParams

FORGER = Forger(dict.fromkeys(FORGING_KINDS, 1.0), 1.0)


@pytest.fixture
def photographs(tmp_path, portraits, write_photographs):
    """Eight images of four people on disk, one of them forged: root, manifest, landmark file."""
    manifest = write_photographs(8, forged={6}, val={7})
    points = [
        {"img_name": f"{index}.png", **coordinates(portraits[index % 4].landmarks)}
        for index in range(8)
    ]
    return tmp_path, manifest, pd.DataFrame(points)


@pytest.fixture
def landmarked(photographs):
    root, manifest, landmark_file = photographs
    return root, manifest, find_landmarks(manifest, landmark_file, None, root=root, num_workers=0)


def coordinates(points):
    return {f"{axis}{i}": xy[k] for i, xy in enumerate(points) for k, axis in enumerate("xy")}


def make_set(photographs, **changes):
    root, manifest, table = photographs
    options = {"seed": 0, "num_workers": 0}
    batches = forge_set(manifest, table, root=root, forger=FORGER, **(options | changes))
    return [row for batch in batches for row in batch]


def open_jpeg(row):
    return Image.open(io.BytesIO(row.jpeg))


def test_every_real_image_is_there_with_a_forgery_of_its_size_and_compression(landmarked):
    rows = make_set(landmarked)
    assert [[row.target for row in rows].count(target) for target in (0, 1)] == [7, 7]
    assert {row.kind for row in rows if row.target == 0} == {"photo"}
    assert {row.kind for row in rows if row.target == 1} <= set(FORGING_KINDS)
    assert len({row.img_name for row in rows}) == 14
    assert sum(row.subset == "val" for row in rows) == 2
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert {one.target, other.target} == {0, 1}
        assert one.group == other.group
        first, second = open_jpeg(one), open_jpeg(other)
        assert first.size == second.size
        assert first.quantization == second.quantization
    assert len({open_jpeg(row).size for row in rows}) > 3


def test_neither_processes_nor_a_second_run_change_an_image(landmarked):
    alone, together = make_set(landmarked), make_set(landmarked, num_workers=1)
    assert alone == together


def test_circles_hold_whole_groups_of_one_source():
    groups = [f"g{n // 2}" for n in range(34)]
    reals = pd.DataFrame({"subset": "train", "source": ["a"] * 20 + ["b"] * 14, "group": groups})
    circles = deal_circles(reals, 4, seed=0)
    dealt = reals.assign(circle=circles)
    assert dealt.groupby("group")["circle"].nunique().max() == 1
    assert dealt.groupby("circle")["source"].nunique().max() == 1
    assert dealt.groupby("circle")["group"].nunique().min() >= 4
    assert not circles.equals(deal_circles(reals, 4, seed=1))


def test_a_set_without_real_images_is_refused(landmarked):
    root, manifest, table = landmarked
    fakes = manifest.assign(target=pd.array([1] * 8, "Int8"))
    with pytest.raises(ManifestError, match="none of the 8 images is real and has landmarks"):
        make_set((root, fakes, table))


def test_landmarks_are_found_by_path_or_name_and_the_rest_is_listed(photographs, portraits):
    root, manifest, landmark_file = photographs
    named = landmark_file.drop(index=3)
    named.loc[0, "img_name"] = "trainset/0.png"
    named.loc[1, "x0":"y67"] = 5.0
    table = find_landmarks(manifest, named, None, root=root, num_workers=0)
    assert table["row"].tolist() == [0, 1, 2, 3, 4, 5, 7]  # 6 is forged
    assert table["status"].tolist() == ["ok", "bad_landmarks", "ok", "no_landmarks"] + ["ok"] * 3
    np.testing.assert_allclose(points_of(table["points"][0]), portraits[0].landmarks)
    assert "pixels apart" in table["detail"][1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="img_name"), "expected img_name,x0,y0"),
        (lambda table: table.tail(0), "none of 7 images has usable landmarks"),
        (lambda table: pd.concat([table, table.head(1)]), "1 of 9 rows name an image again"),
        (
            lambda table: table.astype({"x0": object}).replace({"x0": {table["x0"][0]: "a"}}),
            "no nu",
        ),
        (lambda table: None, r"forging\.landmarks.*faces\.detector"),
    ],
)
def test_no_file_or_one_of_another_form_is_refused_with_the_remedy(photographs, change, message):
    root, manifest, landmark_file = photographs
    with pytest.raises(LandmarksError, match=message):
        find_landmarks(manifest, change(landmark_file), None, root=root, num_workers=0)


class FinderOfOneFace:
    """Finds the same five points in every image."""

    params = FacesParams(detector=None, min_confidence=0.5, margin=0.3, min_size=1, max_blur=1.0)

    def __init__(self, points):
        self.points = points

    def find(self, pixels):
        from face_forgery.data.images.faces import Face, FoundFaces

        face = Face(0, 0, 50, 50, 0.9, tuple(map(tuple, self.points)))
        return FoundFaces((face,) if pixels.max() > 0 else (), "no_face", "no face was found")


def test_landmarks_may_be_the_five_points_of_a_face_detector(photographs, portraits):
    root, manifest, _ = photographs
    Image.new("RGB", (64, 64)).save(root / "trainset/2.png")
    finder = FinderOfOneFace(five_of(portraits[0].landmarks))
    table = find_landmarks(manifest, None, finder, root=root, num_workers=0)
    assert table["status"].tolist() == ["ok", "ok", "no_face"] + ["ok"] * 4
    assert len(table["points"][0]) == 10
