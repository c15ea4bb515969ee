"""An exported detector scores as the detector does, and says what its callers must know."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch

from face_forgery.modeling import export as onnx_export
from face_forgery.modeling.detector import DetectorError
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.modeling.engines.quantization import quantize
from face_forgery.modeling.export import export_onnx, export_openvino
from face_forgery.modeling.forward_path import score_images
from face_forgery.modeling.inputs import INPUTS
from face_forgery.params import FacesParams

pytestmark = pytest.mark.slow  # torch takes seconds for each export


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("test_vit", {}),
        ("mobilenetv1_100", {}),
        *(("test_resnet", {"input": name}) for name in INPUTS if name != "rgb"),
        ("test_resnet", {"truncate_after": "layer3"}),
    ],
)
def test_scores_agree_for_batches_of_any_size(make_detector, architecture, changes):
    torch.manual_seed(0)
    detector = make_detector(architecture, image_size=64, temperature=8.0, **changes)
    session = onnxruntime.InferenceSession(export_onnx(detector))
    for count in (1, 2, 7):
        images = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8)
        (theirs,) = session.run(["y_pred"], {"images": images.numpy()})
        ours = score_images(detector.build_network(), images, torch.device("cpu"))
        assert theirs.shape == (count,)
        assert np.ptp(ours) > 1e-4 or count == 1
        np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_the_file_says_what_a_caller_must_know(make_detector):
    faces = FacesParams(
        detector="secret/place.onnx", min_confidence=0.7, margin=0.3, min_size=48, max_blur=0.8
    )
    detector = make_detector(faces=faces, face_model=b"x")
    model = onnx.load_from_string(export_onnx(detector))
    onnx.checker.check_model(model)
    described = json.loads({p.key: p.value for p in model.metadata_props}["face_forgery"])
    assert described["image_size"] == 32
    assert described["scaled_decoding"] is False
    assert described["interpolation"] == "bilinear, antialiased"
    assert described["operating_points"]["fake_threshold"] == 0.6
    assert described["faces"]["margin"] == 0.3
    assert "detector" not in described["faces"]
    assert described["identity"] == detector.identity()


def test_a_detector_in_bfloat16_is_exported_in_float32_with_a_warning(make_detector, caplog):
    detector = make_detector(precision="bfloat16")
    content = export_onnx(detector)
    assert "float32" in caplog.text
    session = onnxruntime.InferenceSession(content)
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    exact = replace(detector, precision="float32").build_network()
    (theirs,) = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(theirs, score_images(exact, images, torch.device("cpu")), atol=1e-4)


def test_an_export_that_scores_otherwise_is_refused(make_detector, monkeypatch):
    monkeypatch.setattr(
        onnx_export, "score_images", lambda *a: score_images(*a) + 2 * onnx_export.TOLERANCE
    )
    with pytest.raises(DetectorError, match="scores 1 image"):
        export_onnx(make_detector())


def test_missing_packages_are_named(make_detector, monkeypatch):
    monkeypatch.setattr(
        onnx_export, "find_spec", lambda name: None if name == "onnxscript" else name
    )
    with pytest.raises(ImportError, match=r"needs onnxscript: .*face-forgery\[export\]"):
        export_onnx(make_detector())


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_openvino_scores_from_its_own_files(make_detector, tmp_path, precision):
    images = torch.randint(0, 256, (7, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    images = images.to(torch.uint8)
    detector = make_detector(temperature=8.0, tta="flip")
    if precision == "int8":
        detector = quantize(detector, list(images))
    for name, content in export_openvino(detector).items():
        (tmp_path / name).write_bytes(content)
    model = openvino.Core().read_model(tmp_path / "detector.xml")
    about = json.loads(model.get_rt_info(["face_forgery", "detector"]).astype(str))
    assert about["identity"] == detector.identity()
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", hint)
    (scores,) = compiled({"images": images.numpy()}).values()
    expected = score_images(build_scorer(detector), images, torch.device("cpu"))
    assert np.ptp(expected) > 1e-4
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)


def test_openvino_is_compared_with_torch_whatever_scores_here(make_detector, monkeypatch):
    monkeypatch.setenv("FACE_FORGERY_ENGINE", "auto")
    right = onnx_export.convert
    other = make_detector(temperature=1.0, tta="flip")
    monkeypatch.setattr(onnx_export, "convert", lambda _: right(other))
    with pytest.raises(DetectorError, match="scores 1 image"):
        export_openvino(make_detector(temperature=1.0))


def test_openvino_computes_bfloat16_in_float32(make_detector, caplog):
    detector = make_detector(temperature=8.0)
    assert export_openvino(replace(detector, precision="bfloat16")).keys()
    assert "OpenVINO's files compute in float32" in caplog.text


def test_without_openvino_there_are_no_files_and_a_warning(make_detector, monkeypatch, caplog):
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None)
    assert export_openvino(make_detector()) == {}
    assert "no files for OpenVINO: it is not installed" in caplog.text
