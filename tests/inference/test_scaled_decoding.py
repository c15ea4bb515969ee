"""JPEGs decoded at a smaller scale: the same wherever they are read, and close to the whole."""

from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch

from face_forgery.data.images.decoding import decode_rgb
from face_forgery.data.images.listing import list_images
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader, train_loader
from face_forgery.inference.explanation.explain import explain_one
from face_forgery.inference.reading import ImageReader
from face_forgery.modeling.forward_path import score_images

SIDE = 32


@pytest.fixture
def detector(make_detector):
    made = make_detector(image_size=SIDE)
    return replace(made, preprocessing=replace(made.preprocessing, scaled_decoding=True))


@pytest.fixture
def manifest(tmp_path, make_picture):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, size in enumerate([(200, 130), (64, 64), (33, 400), (40, 40)]):
        image = make_picture(number, height=size[0], width=size[1])
        image.save(folder / f"{number}.jpg", quality=95)
    names = [f"images/{number}.jpg" for number in range(4)]
    table = {"path": names, "target": [0, 1, 0, 1], "sha256": names}
    return pd.DataFrame(table).astype({"path": "string", "target": "Int8", "sha256": "string"})


def eval_images(manifest, root, params):
    dataset = ImageDataset.of(manifest, str(root), params.preprocessing)
    ((images, _),) = eval_loader(dataset, batch_size=4, num_workers=0)
    return images


def test_training_measuring_judging_and_explaining_see_the_same_pixels(
    detector, manifest, tmp_path, make_params, judge_all
):
    params = make_params(**{"preprocessing.scaled_decoding": True})
    images = eval_images(manifest, tmp_path, params)
    network = detector.build_network()
    expected = score_images(network, images, torch.device("cpu"))
    rows = judge_all(detector, list_images(tmp_path / "images"), min_size=8)
    assert rows["y_pred"].to_numpy() == pytest.approx(expected, abs=1e-6)
    decode = partial(decode_rgb, (tmp_path / manifest["path"][0]).read_bytes())
    _, found = explain_one(detector, network, network, decode, min_size=8, has_views=False)
    assert found.score == pytest.approx(expected[0], abs=1e-6)
    assert found.pixels.shape == (200, 130, 3)


def test_pixels_are_those_of_the_whole_image_but_for_rounding(manifest, tmp_path, make_params):
    whole, scaled = (
        eval_images(
            manifest, tmp_path, make_params(**{"preprocessing.scaled_decoding": on})
        ).float()
        for on in (False, True)
    )
    difference = (whole - scaled).abs()
    assert difference[0].mean() > 0.01  # it is decoded at another scale
    assert difference.mean() < 2.0
    assert torch.equal(whole[3], scaled[3])  # nothing smaller is large enough


@pytest.mark.parametrize(
    ("size", "decoded"), [(1025, 129), (512, 64), (511, 128), (127, 127), (64, 64), (63, 63)]
)
def test_no_side_becomes_shorter_than_asked_for(make_picture, encode, size, decoded):
    data = encode(make_picture(0, height=size, width=2 * size))
    assert decode_rgb(data, side=64).shape[0] == decoded


def test_an_image_is_not_called_too_small_for_how_it_was_decoded(detector, make_picture, encode):
    data = encode(make_picture(0, height=300, width=300))
    readings = [
        ImageReader.of(detector, min_size=size).read(partial(decode_rgb, data)) for size in (1, 300)
    ]
    assert [reading.status for reading in readings] == ["ok", "ok"]
    assert torch.equal(readings[0].images[0], readings[1].images[0])
    small = ImageReader.of(detector, min_size=301).read(partial(decode_rgb, data))
    assert "300 x 300 pixels" in small.detail


def test_random_crops_are_not_enlarged(manifest, tmp_path, make_params, monkeypatch):
    asked = []
    read = ImageDataset.read

    def note(dataset, index, *, side):
        asked.append(side)
        return read(dataset, index, side=side)

    monkeypatch.setattr(ImageDataset, "read", note)
    params = make_params(
        **{"augmentation.crop_scale": 0.25, "training.batch_size": 4, "training.num_workers": 0}
    )
    dataset = ImageDataset.of(
        manifest, str(tmp_path), params.preprocessing, augmentation=params.augmentation
    )
    ((images, _),) = train_loader(dataset, params.training)
    assert images.shape == (4, 3, SIDE, SIDE)
    assert asked == [2 * SIDE] * 4


def test_what_faces_are_looked_for_in_is_decoded_whole(detector, make_params):
    faces = make_params().faces
    reader = ImageReader.of(replace(detector, faces=faces, face_model=b"any"), min_size=8)
    assert reader.side is None


def test_scale_is_part_of_what_scores_follow_from(detector):
    whole = replace(detector.preprocessing, scaled_decoding=False)
    assert replace(detector, preprocessing=whole).identity() != detector.identity()
    assert "scaled" not in repr(whole)  # identities of older detectors stay what they were
