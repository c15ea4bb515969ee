"""Faces: what is cut, when there is nothing to judge, and that everybody cuts alike."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

import face_forgery as ff
from face_forgery.data.images.crops import Square, cut_square, square_of
from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.face_table import FACE_COLUMNS, find_faces, mark_faceless, squares_of
from face_forgery.data.images.faces import Face, FaceFinder, finder_values, measure_blur
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.params import FacesParams

PARAMS = FacesParams(detector=None, min_confidence=0.7, margin=0.25, min_size=20, max_blur=0.9)


def face(left, top, width, height):
    return Face(left, top, width, height, 0.9, ((0.0, 0.0),) * 5)


@pytest.mark.parametrize(
    ("left", "margin", "shape", "expected"),
    [
        (40, 0.0, (300, 200, 3), (30, 50, 60)),
        (40, 0.25, (300, 200), (15, 35, 90)),
        (5, 0.25, (300, 200), (0, 35, 90)),
        (5, 0.25, (120, 200), (0, 30, 90)),
        (-30, 0.25, (80, 70), (0, 10, 70)),
    ],
)
def test_the_square_has_the_margin_on_every_side_and_lies_in_the_image(
    left, margin, shape, expected
):
    assert square_of((left, 50, 40, 60), margin, shape) == Square(*expected)


def test_a_crop_inside_is_the_pixels_themselves():
    pixels = np.arange(20 * 30 * 3, dtype=np.uint32).reshape(20, 30, 3).astype(np.uint8)
    crop = cut_square(pixels, Square(5, 3, 10))
    assert np.array_equal(crop, pixels[3:13, 5:15])
    assert not np.shares_memory(crop, pixels)


def test_blur_grows_with_blurring_and_is_alike_at_every_size():
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (56, 56, 3)).astype(np.uint8)
    blurs = {}
    for side in (112, 448):
        sharp = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        blurs[side] = [
            measure_blur(sharp if not s else cv2.GaussianBlur(sharp, (0, 0), s * side / 112))
            for s in (0, 1, 2, 4)
        ]
        assert blurs[side] == sorted(blurs[side])
        assert 0 <= blurs[side][0] < 0.3
        assert 0.6 < blurs[side][-1] <= 1
    assert blurs[112] == pytest.approx(blurs[448], abs=0.1)
    assert measure_blur(np.full((50, 50, 3), 90, np.uint8)) == 1.0  # one color


@pytest.mark.usefixtures("find_red_faces")
@pytest.mark.parametrize(
    ("boxes", "changes", "status", "detail"),
    [
        ([], {}, "no_face", "no face was found"),
        ([(5, 5, 15, 18)], {}, "too_small", "has 15 x 18 pixels; the shorter side needs 20"),
        ([(5, 5, 40, 50)], {"max_blur": 0.1}, "too_blurry", "at most 0.10 can be judged"),
        ([(5, 5, 40, 50), (90, 5, 60, 70), (170, 5, 10, 10)], {}, "ok", ""),
    ],
)
def test_a_image_has_faces_or_a_reason(draw_red_faces, boxes, changes, status, detail):
    finder = FaceFinder(b"", PARAMS.model_copy(update=changes))
    found = finder.find(np.asarray(draw_red_faces(*boxes)))
    assert found.status == status
    assert detail in found.detail
    widths = [face.width for face in found.faces]
    assert widths == ([60, 40] if status == "ok" else [])


def test_a_finder_becomes_plain_values_and_back():
    assert FaceFinder.from_values(finder_values(None, PARAMS)) is None
    found = FaceFinder.from_values(finder_values(b"\0\xff", PARAMS))
    assert found is not None
    assert (found.model, found.params) == (b"\0\xff", PARAMS)
    again = pickle.loads(pickle.dumps(found))
    assert (again.model, again.params) == (found.model, found.params)


@pytest.mark.parametrize("content", [b"", b"no network at all"])
def test_what_is_no_face_detector_is_refused(content):
    finder = FaceFinder(content, PARAMS.model_copy(update={"detector": "my.onnx"}))
    with pytest.raises(InputError, match=r"faces.detector=my.onnx: not a YuNet"):
        finder.find(np.zeros((64, 64, 3), np.uint8))


@pytest.fixture
def labelled(tmp_path, draw_red_faces):
    boxes = [[(20, 10, 40, 50)], [], [(90, 30, 60, 60), (5, 5, 30, 30)]]
    for number, places in enumerate(boxes):
        draw_red_faces(*places).save(tmp_path / f"{number}.png")
    names = [f"{number}.png" for number in range(3)]
    table = pd.DataFrame({"subset": "train", "row": range(3), "img_name": names, "path": names})
    facts = table[["subset", "row", "img_name"]].assign(status="ok", detail="")
    table = table.assign(target=[0, 1, 1])
    return table, facts


@pytest.mark.usefixtures("find_red_faces")
def test_images_without_a_face_are_unusable_and_the_others_are_cut(labelled, make_params, tmp_path):
    table, facts = labelled
    faces = find_faces(table, facts, FaceFinder(b"", PARAMS), root=tmp_path, num_workers=2)
    assert list(faces.columns) == list(FACE_COLUMNS)
    assert faces["status"].tolist() == ["ok", "no_face", "ok"]
    marked = mark_faceless(facts, faces)
    assert marked["status"].tolist() == ["ok", "no_face", "ok"]
    assert "no face was found" in marked["detail"][1]
    manifest = table.drop(index=1).assign(sha256="x")
    assert squares_of(manifest, faces).tolist() == [[2, 0, 75], [75, 15, 90]]
    preprocessing = make_params().preprocessing
    crops = ImageDataset.of(manifest, str(tmp_path), preprocessing, faces)
    whole = ImageDataset.of(manifest, str(tmp_path), preprocessing)
    assert crops.read(1).shape == (3, 90, 90)
    assert whole.read(1).shape == (3, 120, 200)
    assert crops.fingerprint != whole.fingerprint
    with pytest.raises(ManifestError, match="1 of 3 images have no face to cut"):
        squares_of(table, faces)


def test_without_a_detector_nothing_is_looked_for(labelled, tmp_path):
    table, facts = labelled
    faces = find_faces(table, facts, None, root=tmp_path, num_workers=2)
    assert faces.empty
    assert mark_faceless(facts, faces) is facts
    assert squares_of(table, faces) is None


@pytest.mark.usefixtures("find_red_faces")
def test_training_measuring_and_judging_cut_the_same(
    labelled, tmp_path, make_detector, make_params, draw_red_faces
):
    from face_forgery.data.images.listing import list_images
    from face_forgery.data.images.resizing import eval_transform
    from face_forgery.inference.job import run_job
    from face_forgery.inference.scoring import score_files, stream_scores
    from face_forgery.modeling.forward_path import score_images

    detector = make_detector(faces=PARAMS, face_model=b"any")
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    how = {"batch_size": 2, "num_workers": 0}
    table, facts = labelled
    faces = find_faces(table, facts, FaceFinder(b"", PARAMS), root=tmp_path, num_workers=0)
    manifest = table.drop(index=1).assign(sha256="x")
    rows = ImageDataset.of(manifest, str(tmp_path), make_params().preprocessing, faces)
    transform = eval_transform(32, "bilinear")
    trained_on = score_images(
        detector.build_network(),
        torch.stack([transform(rows.read(0)), transform(rows.read(1))]),
        torch.device("cpu"),
    )
    scored = score_files(detector, paths, **how)
    (part,) = run_job(detector, list_images(tmp_path), None, score=stream_scores, min_size=8, **how)
    in_memory = ff.Detector(detector, min_size=8).judge([path.read_bytes() for path in paths])
    assert scored.statuses.tolist() == ["ok", "no_face", "ok"]
    first = part.faces[part.faces["face"] == 1]
    assert first["y_pred"].to_numpy() == pytest.approx(trained_on, abs=1e-6)
    assert part.faces["img_name"].tolist() == ["0.png", "2.png", "2.png"]
    assert part.faces[["left", "top", "width", "height"]].to_numpy().tolist()[1] == [90, 30, 60, 60]
    highest = part.faces.groupby("img_name")["y_pred"].max()
    ok = part.rows[part.rows["status"] == "ok"].set_index("img_name")["y_pred"]
    assert highest.to_dict() == pytest.approx(ok.to_dict(), abs=1e-12)
    assert [len(judgement.faces) for judgement in in_memory] == [1, 0, 2]
    assert in_memory[2].score == pytest.approx(ok["2.png"], abs=1e-6)
    assert in_memory[1].status == "no_face"
