"""A detector as one ONNX file, or in OpenVINO's format: images in, probabilities out."""

import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face_forgery import __version__
from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.modeling.engines.choice import build_scorer, is_stored
from face_forgery.modeling.engines.openvino_network import (
    EngineError,
    compile_model,
    convert,
    import_openvino,
)
from face_forgery.modeling.engines.stored_graph import read_graph, store_model
from face_forgery.modeling.ensemble import in_float32
from face_forgery.modeling.forward_path import score_images
from face_forgery.modeling.provenance import describe_training_data
from face_forgery.params import EngineName

logger = logging.getLogger(__name__)

INPUT, OUTPUT = "images", "y_pred"
METADATA = "face_forgery"  # key of the file's metadata
TOLERANCE = 1e-4  # largest difference of a score that an export may have
_MAX_BYTES = 2**31 - 1  # of a protocol buffer
_CHECKED_BATCHES = (1, 3)
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class _Probability(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        real, fake = self.network(images).unbind(dim=1)
        return torch.sigmoid(fake - real).float()


def export_onnx(detector: Detector) -> bytes:
    """Return the detector as an ONNX file, after comparing its scores with its own.

    Input ``images``: uint8 ``(B, 3, S, S)``, RGB, upright, already cut to the face where the
    detector cuts, and resized. Output ``y_pred``: float32 ``(B,)`` in [0, 1], 1 = fake. What a
    caller has to know besides is JSON in the metadata under ``face_forgery``.

    Raises:
        DetectorError: If the network cannot be exported, or the exported one scores otherwise, or
            is stored as OpenVINO's graph.
        ImportError: If the packages of the extra ``export`` are missing.
    """
    if detector.network == "openvino":
        raise DetectorError(
            f"{detector.architecture} is stored as OpenVINO's graph, of which no ONNX file can be "
            "made; its files for OpenVINO can: kedro run --pipelines export --nodes "
            "export.export_for_openvino"
        )
    detector = _in_float32(detector, "the ONNX file computes")
    network = detector.build_network()
    size = detector.preprocessing.image_size
    content = _to_onnx(network, size, describe(detector))
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    _compare(lambda images: session.run([OUTPUT], {INPUT: images})[0], network, size)
    return content


def export_openvino(detector: Detector) -> dict[str, bytes]:
    """Return the detector as OpenVINO stores networks, by name of the file; int8 stays int8.

    Input and output are those of `export_onnx`, and so is the comparison with torch before (of a
    stored graph with what scores here, which torch cannot compute). The JSON for callers is in the
    graph's information, under ``face_forgery`` and ``detector``. There are no files, and a warning,
    where OpenVINO is not installed or cannot compute the network.

    Raises:
        DetectorError: If OpenVINO computes other scores.
    """
    from_graph = is_stored(detector)
    try:
        if find_spec("openvino") is None:
            raise EngineError("it is not installed: pip install openvino")
        if not from_graph:
            detector = _in_float32(detector, "OpenVINO's files compute")
        model = read_graph(detector) if from_graph else convert(detector)
    except EngineError as error:
        logger.warning("There are no files for OpenVINO: %s", error)
        return {}
    model.inputs[0].set_names({INPUT})
    (logits,) = model.get_results()
    model.add_results([_probability(logits.input_value(0), detector.temperature)])
    model.remove_result(logits)
    model.set_rt_info(json.dumps(describe(detector)), [METADATA, "detector"])
    compiled = compile_model(model, detector.precision)
    engine: EngineName = "openvino" if from_graph else "torch"
    scorer = build_scorer(detector, engine, torch.device("cpu"))
    _compare(lambda images: compiled([images])[0], scorer, detector.preprocessing.image_size)
    graph, weights = store_model(model)
    return {"detector.xml": graph, "detector.bin": weights}


def _in_float32(detector: Detector, what: str) -> Detector:
    exact = in_float32(detector)
    if exact.identity() != detector.identity():
        logger.warning(
            "The detector is certified in a reduced precision; %s in float32, so its scores differ "
            "by what that costs (data/08_reporting/precision_cost.json)",
            what,
        )
    return exact


def _probability(logits: Any, temperature: float) -> Any:
    """Return the end of an OpenVINO graph that turns its logits into the score."""
    operations = import_openvino().opset13
    signs = np.array([[-1.0, 1.0]], np.float32) / np.float32(temperature)
    weighed = operations.multiply(operations.convert(logits, "f32"), signs)
    end = operations.result(operations.sigmoid(operations.reduce_sum(weighed, [1])))
    end.output(0).set_names({OUTPUT})
    return end


def describe(detector: Detector) -> dict[str, Any]:
    """Return what a caller of the file has to know, as values that JSON can hold."""
    points = detector.operating_points
    faces = detector.faces
    return {
        "version": __version__,
        "architecture": detector.architecture,
        "identity": detector.identity(),
        "data_fingerprint": detector.data_fingerprint,
        "training_data": None if detector.training_data is None else asdict(detector.training_data),
        "learnt_from": describe_training_data(detector.training_data),
        "image_size": detector.preprocessing.image_size,
        "scaled_decoding": detector.preprocessing.scaled_decoding,
        "interpolation": f"{detector.preprocessing.interpolation}, antialiased",
        "faces": None if faces is None else faces.model_dump(mode="json", exclude={"detector"}),
        "operating_points": None if points is None else asdict(points),
    }


def _to_onnx(network: nn.Module, size: int, description: dict[str, Any]) -> bytes:
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise ImportError(
            f"the export needs {', '.join(missing)}: make setup, or "
            "pip install 'face-forgery[export]'"
        )
    # Two images: the exporter would take a batch of one for a constant.
    example = torch.zeros((2, 3, size, size), dtype=torch.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter, about its own future
            program = torch.onnx.export(
                _Probability(network).eval(),
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        lines = (str(error).strip() or type(error).__name__).splitlines()
        raise DetectorError(
            f"this network cannot be exported to ONNX: {lines[-1].strip()[:300]}. Another "
            "model.backbone may do; the detector's folder works with timm alone (docs/serving.md)"
        ) from error
    assert program is not None
    model = program.model_proto
    if model.ByteSize() > _MAX_BYTES:
        raise DetectorError(
            f"the network has {model.ByteSize() / 2**30:.1f} GiB; one ONNX file holds 2 GiB"
        )
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, json.dumps(description)
    content: bytes = model.SerializeToString()
    return content


def _compare(
    score: Callable[[NDArray[np.uint8]], NDArray[np.float32]], network: nn.Module, size: int
) -> None:
    """Raise `DetectorError` where ``score`` gives random images other scores than ``network``."""
    generator = torch.Generator().manual_seed(0)
    for count in _CHECKED_BATCHES:
        images = torch.randint(0, 256, (count, 3, size, size), generator=generator)
        images = images.to(torch.uint8)
        theirs = score(images.numpy())
        ours = score_images(network, images, torch.device("cpu"))
        difference = float(np.abs(theirs - ours).max())
        if not difference <= TOLERANCE:
            raise DetectorError(
                f"the exported network scores {count} image(s) otherwise: by {difference:.2g}, "
                f"more than {TOLERANCE:g}; nothing was written. This is an error of the exporter "
                "or of the runtime: try another version of either"
            )
