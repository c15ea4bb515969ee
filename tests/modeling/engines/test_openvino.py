"""OpenVINO computes what torch computes, keeps what it converted, and says when it cannot."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from face_forgery.modeling.detector import DetectorError
from face_forgery.modeling.engines import openvino_network
from face_forgery.modeling.engines.choice import ENVIRONMENT, build_scorer
from face_forgery.modeling.engines.openvino_network import OpenVinoNetwork
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.forward_path import measure_margins, score_images

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    return tmp_path / "face_forgery" / "openvino"


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (5, 3, 32, 32), generator=generator).to(torch.uint8)


def kept(cache):
    return sorted(path.name for path in cache.glob("*") if path.is_file())


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        pytest.param("test_resnet", {"temperature": 5.0}, marks=pytest.mark.slow),
        pytest.param("test_vit", {"temperature": 2.0}, marks=pytest.mark.slow),
        pytest.param("test_convnext", {}, marks=pytest.mark.slow),
        pytest.param("test_efficientnet", {}, marks=pytest.mark.slow),
        pytest.param("test_resnet", {"tta": "flip_crop"}, marks=pytest.mark.slow),
        pytest.param("test_resnet", {"input": "rgb_srm"}, marks=pytest.mark.slow),
        ("test_resnet", {"input": "rgb_frequency", "tta": "flip"}),
    ],
)
def test_scores_are_those_of_torch(make_detector, images, architecture, changes):
    detector = make_detector(architecture, **changes)
    by_openvino = build_scorer(detector)
    assert isinstance(by_openvino, OpenVinoNetwork)
    expected = score_images(detector.build_network(), images, CPU)
    assert np.ptp(expected) > 1e-4
    for batch in (images, images[:1], images.flip(-1)[..., :32]):
        wanted = score_images(detector.build_network(), batch, CPU)
        np.testing.assert_allclose(score_images(by_openvino, batch, CPU), wanted, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_members_of_an_ensemble_are_computed_each_by_its_own_engine(make_detector, images, caplog):
    members = {"a": make_detector(), "b": make_detector(temperature=3.0, precision="bfloat16")}
    joined = join_detectors(members, data_fingerprint="f" * 64, code_version={}, other_data="allow")
    with caplog.at_level("INFO"):
        network = build_scorer(joined)
    expected = score_images(joined.build_network(), images, CPU)
    has_bfloat16 = openvino_network.why_not_openvino(members["b"]) is None
    far = 1e-2 if has_bfloat16 else 1e-5  # two engines round to 8 bits in other places
    np.testing.assert_allclose(score_images(network, images, CPU), expected, rtol=0, atol=far)
    assert ("this processor has no bfloat16" in caplog.text) != has_bfloat16


def test_a_network_is_converted_once_whatever_it_is_calibrated_to(
    make_detector, images, cache, monkeypatch
):
    detector = make_detector()
    first = measure_margins(build_scorer(detector), images, CPU)
    assert [name.rpartition(".")[2] for name in kept(cache)] == ["bin", "xml"]
    monkeypatch.setattr(torch.jit, "trace", None)
    again = build_scorer(replace(detector, temperature=2.0), "openvino")
    np.testing.assert_array_equal(measure_margins(again, images, CPU), first / 2)
    with pytest.raises(DetectorError, match="cannot convert"):
        build_scorer(make_detector(input="rgb_srm"), "openvino")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_what_is_damaged_is_converted_again(make_detector, images, cache, caplog, suffix):
    detector = make_detector()
    expected = measure_margins(build_scorer(detector), images, CPU)
    (path,) = cache.glob(f"*{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    again = measure_margins(build_scorer(detector, "openvino"), images, CPU)
    np.testing.assert_array_equal(again, expected)
    assert "is converted again" in caplog.text
    caplog.clear()
    build_scorer(detector, "openvino")
    assert not caplog.messages


@pytest.mark.slow
def test_only_a_few_networks_are_kept(make_detector, cache, monkeypatch):
    monkeypatch.setattr(openvino_network, "_KEPT", 2)
    for tta in ("none", "flip", "crop"):
        build_scorer(make_detector(tta=tta))
        if tta == "none":
            first = kept(cache)
    assert len(kept(cache)) == 4
    assert not set(first) & set(kept(cache))


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_costs_a_warning(
    make_detector, images, tmp_path, monkeypatch, caplog
):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert len(measure_margins(build_scorer(make_detector()), images, CPU)) == len(images)
    (line,) = [one for one in caplog.messages if "XDG_CACHE_HOME" in one]
    assert str(blocked) in line


def test_a_network_that_openvino_cannot_convert_is_left_to_torch(
    make_detector, images, monkeypatch, caplog
):
    def refuse(*_, **__):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(torch.jit, "trace", refuse)
    detector = make_detector(tta="flip")
    with caplog.at_level("INFO"):
        network = build_scorer(detector)
    np.testing.assert_array_equal(
        measure_margins(network, images, CPU),
        measure_margins(detector.build_network(), images, CPU),
    )
    assert "torch computes test_resnet" in caplog.text
    assert "no such operation" in caplog.text
    with pytest.raises(DetectorError, match=r"scoring\.engine=torch can"):
        build_scorer(detector, "openvino")


def test_a_network_that_openvino_computes_otherwise_is_left_to_torch(
    make_detector, monkeypatch, caplog
):
    monkeypatch.setitem(openvino_network.TOLERANCES, "float32", -1.0)
    with caplog.at_level("INFO"):
        network = build_scorer(make_detector())
    assert not isinstance(network, OpenVinoNetwork)
    assert "of a fixed image" in caplog.text


def test_without_openvino_torch_computes(make_detector, monkeypatch):
    monkeypatch.setattr(openvino_network, "find_spec", lambda _: None)
    assert not isinstance(build_scorer(make_detector()), OpenVinoNetwork)
    with pytest.raises(DetectorError, match="pip install openvino"):
        build_scorer(make_detector(), "openvino")


@pytest.mark.slow
def test_the_environment_says_what_auto_is(make_detector, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "torch")
    assert not isinstance(build_scorer(make_detector()), OpenVinoNetwork)
    assert isinstance(build_scorer(make_detector(), "openvino"), OpenVinoNetwork)
    monkeypatch.setenv(ENVIRONMENT, "tensorflow")
    with pytest.raises(DetectorError, match="none of auto, torch, openvino"):
        build_scorer(make_detector())


@pytest.mark.slow
def test_several_threads_get_their_own_scores(make_detector, images):
    network = build_scorer(make_detector())
    expected = measure_margins(network, images, CPU)
    with ThreadPoolExecutor(4) as threads:
        rows = [row for _ in range(40) for row in range(len(images))]
        found = threads.map(lambda row: network(images[row : row + 1]).double(), rows)
        for row, logits in zip(rows, found, strict=True):
            assert float(logits[0, 1] - logits[0, 0]) == pytest.approx(expected[row], abs=1e-6)


@pytest.mark.slow
def test_openvino_reports_to_nobody():
    code = """
import socket
def refuse(*_, **__):
    raise SystemExit("an address was looked up")
socket.getaddrinfo = socket.socket.connect = refuse
from face_forgery.modeling.engines.openvino_network import core, import_openvino
core()
from openvino.tools.ovc import convert_impl
print(convert_impl.tm.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("telemetry_stub")


@pytest.mark.slow
def test_fewer_logits_than_images_are_an_error_and_no_scores(make_detector, images):
    network = build_scorer(make_detector(), "openvino")
    network._request = SimpleNamespace(infer=lambda *_, **__: [np.empty((0, 2), np.float32)])
    with pytest.raises(DetectorError, match=r"shape \(0, 2\) for \d+ images.*memory is short"):
        network(images)
