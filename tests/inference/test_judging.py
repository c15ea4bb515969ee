"""`ff.Detector` judges whatever holds an image, from folder, hub or ensemble, and says why."""

import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from huggingface_hub.utils import filter_repo_objects
from PIL import ExifTags, Image

import face_forgery as ff
from face_forgery.data.images.listing import list_images
from face_forgery.inference import judging
from face_forgery.modeling.detector_files import CONFIG, META, QUANTIZED, WEIGHTS
from face_forgery.modeling.detector_folder import write_detector


@pytest.fixture
def trained(make_detector):
    detector = make_detector(temperature=4.0)
    given = replace(detector.preprocessing, scaled_decoding=True)
    return replace(detector, preprocessing=given)


@pytest.fixture
def folder(trained, tmp_path):
    path = tmp_path / "detector"
    path.mkdir()
    write_detector(trained, path)
    return path


@pytest.fixture
def photo(make_picture, tmp_path):
    """Return the path of a large JPEG that lies on its side."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Model] = "Canon EOS R5"
    path = tmp_path / "photo.jpg"
    make_picture(height=300, width=200).save(path, exif=exif)
    return path


FILES = {
    "text": str,
    "path": Path,
    "URL": lambda photo: photo.as_uri(),
    "bytes": lambda photo: photo.read_bytes(),
    "bytearray": lambda photo: bytearray(photo.read_bytes()),
    "memoryview": lambda photo: memoryview(photo.read_bytes()),
    "open file": lambda photo: io.BytesIO(photo.read_bytes()),
    "opened by Pillow": Image.open,
}


@pytest.mark.parametrize("form", FILES)
def test_a_file_has_the_score_of_the_pipeline_in_whatever_form_it_comes(
    folder, trained, photo, judge_all, form
):
    expected = judge_all(trained, list_images(photo), min_size=48)
    detector = ff.Detector.load(folder)
    judged = detector.judge(FILES[form](photo))
    assert judged.score == pytest.approx(expected["y_pred"][0], abs=1e-6)
    assert (judged.verdict, judged.status, judged.detail) == (expected["verdict"][0], "ok", "")
    assert judged.evidence == {"camera": "Canon EOS R5"}
    assert judged.faces == ()


PIXELS = {
    "array": np.asarray,
    "array of BGR, turned": lambda image: np.asarray(image)[..., ::-1].copy()[..., ::-1],
    "array with alpha": lambda image: np.asarray(image.convert("RGBA")),
    "PIL image": lambda image: image.copy(),
    "PIL image of another mode": lambda image: image.convert("RGBA"),
}


@pytest.mark.parametrize("form", PIXELS)
def test_pixels_have_the_score_of_a_file_that_keeps_them(folder, make_picture, encode, form):
    detector = ff.Detector.load(folder)
    image = make_picture(height=90, width=70)
    expected = detector.judge(encode(image, "PNG")).score
    assert detector.judge(PIXELS[form](image)).score == pytest.approx(expected, abs=1e-6)


def test_several_are_judged_in_their_order_and_a_bad_one_stops_nothing(folder, photo, tmp_path):
    detector = ff.Detector.load(folder)
    pixels = np.full((64, 64, 3), 200, np.uint8)
    gone = tmp_path / "gone.jpg"
    judged = detector.judge([photo, b"no image", pixels, gone, tmp_path, pixels[:9]] * 7)
    statuses = ["ok", "unreadable", "ok", "missing", "unreadable", "too_small"]
    assert [one.status for one in judged] == statuses * 7
    assert judged[0].score == pytest.approx(detector.judge(photo).score, abs=1e-6)
    assert (judged[1].score, judged[1].verdict) == (None, None)
    assert judged[4].detail == "a folder, not an image"


@pytest.mark.parametrize("kind", [tuple, iter, pd.Series, np.array])
def test_any_iterable_of_images_is_several(folder, photo, kind):
    judged = ff.Detector.load(folder).judge(kind([str(photo)] * 2))
    assert [one.status for one in judged] == ["ok", "ok"]


def test_a_batch_as_a_list_is_several_and_nothing_gives_nothing(folder):
    detector = ff.Detector.load(folder)
    assert len(detector.judge(list(np.zeros((3, 64, 64, 3), np.uint8)))) == 3
    assert detector.judge([]) == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (np.zeros((64, 64, 3)), r"uint8, \(H, W, 3\).*this is float64, \(64, 64, 3\)"),
        (np.zeros((3, 64, 64), np.uint8), r"this is uint8, \(3, 64, 64\)"),
        (np.zeros((0, 9, 3), np.uint8), r"\(0, 9, 3\)"),
        (np.zeros((2, 64, 64, 3), np.uint8), r"list\(batch\); this is uint8, \(2, 64, 64, 3\)"),
        ([None], "'None' .NoneType. is not a path, a URL"),
        ([float("nan")], "'nan' .float."),
        ([["a.jpg"]], "list"),
    ],
)
def test_what_is_no_image_is_refused_with_its_type(folder, given, named):
    with pytest.raises(ff.InputError, match=named):
        ff.Detector.load(folder).judge(given)


def test_damaged_pixels_are_a_status_and_not_an_error(folder, photo):
    data = photo.read_bytes()
    image = Image.open(io.BytesIO(data[:2000]))
    image.fp.close()
    assert ff.Detector.load(folder).judge(image).status == "unreadable"


def test_a_home_folder_is_followed(folder, photo, monkeypatch):
    monkeypatch.setenv("HOME", str(photo.parent))
    assert ff.Detector.load("~/detector").judge("~/photo.jpg").status == "ok"


def test_a_judgement_explains_itself_from_whatever_was_given(folder, photo):
    judged = ff.Detector.load(folder).judge([photo, io.BytesIO(photo.read_bytes())])
    first, second = [one.explain(has_views=False) for one in judged]
    assert first.score == pytest.approx(judged[0].score, abs=1e-6)
    assert first.pixels.shape == (200, 300, 3)
    np.testing.assert_array_equal(first.heat, second.heat)
    assert judged[0].explain().views
    photo.write_bytes(b"other")
    with pytest.raises(ff.InputError, match="no longer what was judged"):
        judged[0].explain()
    with pytest.raises(ff.InputError, match="this image is unreadable"):
        ff.Detector.load(folder).judge(photo).explain()


def test_no_image_is_begun_after_its_time(folder, photo):
    detector = ff.Detector.load(folder)
    with pytest.raises(TimeoutError, match=r"0 image.s. could be judged within 0 s"):
        detector.judge([photo], seconds=0)
    assert detector.judge(photo, seconds=60).status == "ok"


def test_the_smallest_side_can_be_chosen(folder, photo):
    assert ff.Detector.load(folder, min_size=201).judge(photo).status == "too_small"


@pytest.mark.parametrize(
    "spelt",
    ["hf-hub:me/faces", "hf_hub:me/faces@v2", "hf://me/faces", "https://huggingface.co/me/faces/"],
)
def test_a_detector_is_fetched_from_the_hub(folder, photo, tmp_path, monkeypatch, spelt):
    asked = {}

    def fake(name, *, revision, allow_patterns):
        asked.update(name=name, revision=revision)
        lying = [path.relative_to(folder).as_posix() for path in folder.rglob("*.*")]
        for one in filter_repo_objects(
            [*lying, "pytorch_model.bin"], allow_patterns=allow_patterns
        ):
            (tmp_path / "cache" / one).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / one, tmp_path / "cache" / one)
        return str(tmp_path / "cache")

    monkeypatch.setattr(judging, "snapshot_download", fake)
    judged = ff.Detector.load(spelt).judge(photo)
    assert judged == ff.Detector.load(folder).judge(photo)
    assert asked == {"name": "me/faces", "revision": "v2" if "@" in spelt else None}


def test_all_files_of_an_ensemble_in_int8_are_fetched():
    names = [f"members/1_resnet18/{name}" for name in (CONFIG, WEIGHTS, META, *QUANTIZED)]
    assert list(filter_repo_objects(names, allow_patterns=judging._HUB_FILES)) == names


def test_what_the_hub_does_not_give_is_one_line_with_the_remedy(monkeypatch):
    def fail(name, **options):
        raise OSError("401 Client Error\n\nRepository Not Found")

    monkeypatch.setattr(judging, "snapshot_download", fail)
    with pytest.raises(ff.DetectorError, match=r"^hf-hub:me/x: .*401 Client Error; check") as said:
        ff.Detector.load("hf-hub:me/x")
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "nowhere: there is no detector yet; train one"),
        ("me/faces", "of the hub it is called hf-hub:me/faces"),
        ("", "empty; is a variable not set?"),
        ("detector/config.json", "a file; name the folder of a detector"),
        ("..", r"one lies below it: \.\./detector"),
    ],
)
def test_a_folder_without_a_detector_says_what_was_meant(folder, tmp_path, monkeypatch, name, said):
    (tmp_path / "models").mkdir()
    shutil.copytree(folder, tmp_path / "models/detector")
    monkeypatch.chdir(tmp_path / "models")
    with pytest.raises(ff.DetectorError, match=said):
        ff.Detector.load(name)


def test_the_code_of_the_documentation_runs(folder, photo, tmp_path, monkeypatch):
    (tmp_path / "data/06_models").mkdir(parents=True)
    folder.rename(tmp_path / "data/06_models/detector")
    (tmp_path / "photos").mkdir()
    shutil.copy(photo, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs/python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 3
    names = {}
    for block in blocks:
        exec(block, names)
    assert [one.status for one in names["results"]] == ["ok"] * 3
    assert len({round(one.score, 6) for one in names["results"]}) == 1
    assert (tmp_path / "heat.png").exists()


def test_an_explanation_that_was_prepared_builds_no_network(trained, photo, monkeypatch):
    plain = ff.Detector(trained, engine="openvino").judge(photo).explain()
    detector = ff.Detector(trained, engine="openvino")
    detector.prepare_explanations()
    monkeypatch.setattr(judging, "with_gradients", None)
    np.testing.assert_array_equal(detector.judge(photo).explain().heat, plain.heat)
