"""Every entry point gives an image the same score, whatever the detector is made of."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import face_forgery as ff
from face_forgery.data.degradation.operations import list_degradations
from face_forgery.data.images.decoding import decode_rgb
from face_forgery.data.images.faces import FaceFinder
from face_forgery.data.images.listing import list_images
from face_forgery.inference import ray_scoring as cluster_scoring
from face_forgery.inference.degraded_scoring import score_degraded
from face_forgery.inference.explanation.explain import explain_one
from face_forgery.inference.scoring import score_files, score_manifest
from face_forgery.inference.submission import score_rows
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.modeling.engines.quantization import quantize
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.params import FacesParams
from face_forgery.serving.page.cards import Judge
from face_forgery.serving.pyfunc_model import ServedDetector

HOW = {"batch_size": 3, "num_workers": 0}
RANDOM_IMAGES = list(
    torch.randint(0, 256, (20, 3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
)
JOINED = {"data_fingerprint": "f" * 64, "code_version": {}, "other_data": "refuse"}


@pytest.fixture
def folder(tmp_path, make_picture):
    path = tmp_path / "images"
    path.mkdir()
    for seed, (height, width) in enumerate([(300, 200), (64, 64), (100, 400), (130, 97)]):
        suffix = "jpg" if seed < 3 else "png"
        make_picture(seed, height=height, width=width).save(path / f"{seed}.{suffix}")
    return path


def scaled(detector):
    given = replace(detector.preprocessing, scaled_decoding=True)
    return replace(detector, preprocessing=given)


def make_members(make_detector):
    return {
        "a": scaled(make_detector(temperature=5.0)),
        "b": scaled(make_detector("test_vit", temperature=3.0, tta="flip_crop")),
        "c": scaled(make_detector(temperature=2.0, input="rgb_srm")),
    }


def make_ensemble(make_detector, temperature=1.0):
    members = make_members(make_detector)
    points = make_detector().operating_points
    joined = join_detectors(members, **JOINED)
    return replace(joined, operating_points=points, temperature=temperature)


@pytest.fixture
def engine(request, monkeypatch, tmp_path):
    monkeypatch.setenv("FACE_FORGERY_ENGINE", request.param)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return request.param


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        pytest.param("tta", "torch", marks=pytest.mark.slow),
        pytest.param("tta", "openvino", marks=pytest.mark.slow),
        pytest.param("ensemble", "torch", marks=pytest.mark.slow),
        pytest.param("ensemble", "openvino", marks=pytest.mark.slow),
        ("int8", "openvino"),
    ],
    indirect=["engine"],
)
def test_every_entry_point_gives_the_same_score(
    *, make_detector, judge_all, folder, monkeypatch, kind, engine
):
    detector = {
        "tta": lambda: scaled(make_detector(temperature=4.0, tta="flip_crop")),
        "ensemble": lambda: make_ensemble(make_detector, temperature=0.7),
        "int8": lambda: quantize(scaled(make_detector(temperature=4.0)), RANDOM_IMAGES),
    }[kind]()
    paths = sorted(folder.iterdir())
    contents = [path.read_bytes() for path in paths]
    table = pd.DataFrame({"path": [path.name for path in paths], "img_name": contents})
    stored = folder.parent / "detector"
    stored.mkdir()
    write_detector(detector, stored)
    network = detector.build_network()
    expected = score_manifest(detector, table, folder, **HOW).scores
    assert np.ptp(expected) > 0.01
    if kind != "int8":
        by_torch = score_manifest(detector, table, folder, engine="torch", **HOW).scores
        np.testing.assert_allclose(expected, by_torch, rtol=0, atol=1e-5)
        num_converted = 0 if engine == "torch" else len(getattr(detector, "members", [detector]))
        assert len(list(folder.parent.glob("face_forgery/openvino/*.xml"))) == num_converted
    entry_points = {
        "inference": judge_all(detector, list_images(folder), min_size=9)["y_pred"],
        "workers": score_files(detector, paths, batch_size=2, num_workers=2).scores,
        "submission": score_rows(detector, table, folder, unreadable_score=None, **HOW)["y_pred"],
        "memory": [judged.score for judged in ff.Detector(detector, min_size=9).judge(contents)],
        "served": serve(stored, contents)["y_pred"],
        "cluster": score_in_worker(detector, paths, monkeypatch),
    }
    for name, scores in entry_points.items():
        np.testing.assert_allclose(np.array(scores, float), expected, atol=1e-6, err_msg=name)
    decode = partial(decode_rgb, contents[0])
    scorer = build_scorer(detector)
    _, explained = explain_one(detector, scorer, network, decode, min_size=9, has_views=False)
    assert explained.score == pytest.approx(expected[0], abs=1e-6)
    assert explained.heat.std() > 0
    card = Judge(ff.Detector(detector, min_size=9)).judge(paths[3])
    assert card.judgement.score == pytest.approx(expected[3], abs=1e-6)
    states = list_degradations(["blur_and_noise"])[:2]
    degraded = score_degraded(detector, paths[3:], states, num_workers=0)
    assert degraded[0, 0] == pytest.approx(expected[3], abs=1e-6)


def serve(stored, contents):
    served = ServedDetector()
    context = SimpleNamespace(artifacts={"detector": stored}, model_config={"min_size": 9})
    served.load_context(context)
    return served.predict(context, pd.DataFrame({"image": contents}))


def score_in_worker(detector, paths, monkeypatch):
    ray = SimpleNamespace(get=lambda value: value)
    monkeypatch.setattr(cluster_scoring, "import_ray", lambda: ray)
    attempts = SimpleNamespace(begin=SimpleNamespace(remote=lambda row: False))
    worker = cluster_scoring._Worker(
        detector, attempts, min_size=1, num_readers=2, engine="auto", on_gpu=False
    )
    (scored,) = worker(cluster_scoring.tabulate_paths(paths))["scored"]
    return scored.scores


@pytest.mark.usefixtures("find_red_faces")
def test_faces_are_found_once_for_all_members(make_detector, draw_red_faces, encode, monkeypatch):
    params = FacesParams(detector=None, min_confidence=0.7, margin=0.2, min_size=9, max_blur=1.0)
    cut = {"faces": params, "face_model": b"any"}
    members = {name: replace(member, **cut) for name, member in make_members(make_detector).items()}
    joined = replace(
        join_detectors(members, **JOINED), operating_points=make_detector().operating_points
    )
    image = encode(draw_red_faces((20, 30, 40, 50), (120, 30, 30, 30)), "PNG")
    by_hand = [ff.Detector(member, min_size=9).judge([image])[0] for member in members.values()]
    found, searches = FaceFinder.find, []
    monkeypatch.setattr(
        FaceFinder, "find", lambda self, pixels: searches.append(1) or found(self, pixels)
    )
    (judged,) = ff.Detector(joined, min_size=9).judge([image])
    assert searches == [1]
    means = np.mean([[face.score for face in one.faces] for one in by_hand], axis=0)
    assert [face.score for face in judged.faces] == pytest.approx(means.tolist(), abs=1e-6)
    assert judged.score == max(face.score for face in judged.faces)
