"""An int8 network scores nearly as float32, is stored with its detector, and read with bounds."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from face_forgery.modeling.detector import DetectorError
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.engines import quantization, stored_graph
from face_forgery.modeling.engines.choice import ENVIRONMENT, build_scorer
from face_forgery.modeling.engines.quantization import quantize
from face_forgery.modeling.engines.stored_graph import read_graph
from face_forgery.modeling.ensemble import in_float32
from face_forgery.modeling.forward_path import measure_margins, score_images
from face_forgery.params import ScoringParams

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(ENVIRONMENT, raising=False)


def draw(num):
    """Return smooth images."""
    coarse = torch.rand((num, 3, 5, 5), generator=torch.Generator().manual_seed(num))
    smooth = torch.nn.functional.interpolate(255 * coarse, size=(32, 32), mode="bilinear")
    return smooth.to(torch.uint8)


@pytest.fixture(scope="module")
def detectors(make_detector):
    return {"test_resnet": quantize(make_detector("test_resnet", tta="flip"), list(draw(40)))}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_resnet", pytest.param("test_vit", marks=pytest.mark.slow)])
def test_margins_are_nearly_those_of_float32(make_detector, detectors, name):
    images = draw(60)
    detector = detectors.get(name) or quantize(make_detector(name), list(draw(40)))
    found = measure_margins(build_scorer(detector), images, CPU)
    exact = measure_margins(in_float32(detector).build_network(), images, CPU)
    assert 0 < np.abs(found - exact).mean() < exact.std()
    assert np.corrcoef(found, exact)[0, 1] > 0.6  # of an untrained network


def test_the_first_layers_stay_in_float32(detectors):
    operations = read_graph(detectors["test_resnet"]).get_ordered_ops()
    kinds = ("Convolution", "GroupConvolution")
    layers = [one for one in operations if one.get_type_name() in kinds]
    is_quantized = [_reads_whole_numbers(layer) for layer in layers]
    assert not is_quantized[0]
    assert is_quantized[len(layers) // 4 :] == [True] * (len(layers) - len(layers) // 4)


def _reads_whole_numbers(layer):
    """Say whether the weights of a convolution are stored in int8."""
    kinds, node = set(), layer.input_value(1).get_node()
    while True:
        kinds.add(str(node.get_output_element_type(0)))
        if not node.get_input_size():
            return "<Type: 'int8_t'>" in kinds
        node = node.input_value(0).get_node()


def test_the_network_is_stored_and_part_of_the_identity(detectors, tmp_path):
    detector = replace(detectors["test_resnet"], temperature=2.0)
    folder = tmp_path / "detector"
    folder.mkdir()
    write_detector(detector, folder)
    stored = read_detector(folder)
    assert stored.identity() == detector.identity()
    assert stored.identity() != in_float32(detector).identity()
    images = draw(5)
    expected = score_images(build_scorer(detector), images, CPU)
    np.testing.assert_array_equal(score_images(build_scorer(stored), images, CPU), expected)
    (folder / "int8.bin").write_bytes(b"other")
    with pytest.raises(DetectorError, match=r"int8\.bin: the content is not what"):
        read_detector(folder)


def test_torch_does_not_score_in_its_place(detectors):
    with pytest.raises(DetectorError, match="OpenVINO alone"):
        build_scorer(detectors["test_resnet"], "torch")
    with pytest.raises(DetectorError, match="evaluate it again"):
        build_scorer(replace(detectors["test_resnet"], graph=None))
    with pytest.raises(ValidationError, match="engine=torch cannot compute precision=int8"):
        ScoringParams(batch_size=1, num_workers=0, engine="torch", precision="int8", tta="none")


def changed(detector, old, new):
    xml = re.sub(old, new, detector.graph.xml, count=1)
    assert xml != detector.graph.xml
    return replace(detector, graph=detector.graph._replace(xml=xml))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (rb"<layers>", b'<layers><layer id="9" name="x" type="Loop" version="opset5">', "no graph"),
        (rb"</net>", b"", "cannot be used"),
        (rb'shape="\?,3,32,32"', b'shape="?,3,64,64"', "images of 32 pixels"),
    ],
)
def test_a_graph_of_strangers_is_refused_in_one_line(detectors, old, new, why):
    with pytest.raises(DetectorError, match=why) as caught:
        build_scorer(changed(detectors["test_resnet"], old, new))
    assert "\n" not in str(caught.value)


def test_a_graph_that_would_fill_the_memory_is_refused(detectors, monkeypatch):
    monkeypatch.setattr(stored_graph, "MAX_ACTIVATIONS", 1000)
    with pytest.raises(DetectorError, match=r"gives .* numbers"):
        build_scorer(detectors["test_resnet"])


def test_weights_that_are_cut_off_are_refused(detectors):
    detector = detectors["test_resnet"]
    cut = detector.graph._replace(weights=detector.graph.weights[:100])
    with pytest.raises(DetectorError, match="cannot be used"):
        build_scorer(replace(detector, graph=cut))


def test_a_processor_that_computes_otherwise_is_told(detectors):
    logits = rb'(<logits value=")[^"]*'
    with pytest.raises(DetectorError, match="where 9 is right"):
        build_scorer(changed(detectors["test_resnet"], logits, rb"\1[[0.0, 9.0]]"))


def test_without_nncf_the_remedy_is_named(make_detector, monkeypatch):
    monkeypatch.setattr(quantization, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match="int8"):
        quantize(make_detector(), list(draw(1)))
