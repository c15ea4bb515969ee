"""A network that OpenVINO computes on the CPU, kept converted between runs.

What is kept lies in ``openvino/`` below the user's cache folder: a file for the graph and one for
its weights, named by the detector's identity and OpenVINO's version. Each knows what torch's
network gave for a fixed image; where OpenVINO gives something else, be it of damage, of another
version or of this processor, the network is converted again, and left to torch if that is no help.
"""

import json
import logging
import os
import sys
import threading
import warnings
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from face_forgery.data.redaction import one_line
from face_forgery.modeling.detector import Detector, DetectorError

if TYPE_CHECKING:
    import openvino

logger = logging.getLogger(__name__)

TOLERANCE = 4e-5  # of a margin, and of its size above 1: at most 1e-5 of a score
_ROUNDED = 0.1  # the same for bfloat16, which keeps 8 significant bits
_LOGITS = ["face_forgery", "logits"]  # where a converted network keeps what torch gave
_KEPT = 8  # converted networks
_SEED = 0


class EngineError(DetectorError):
    """OpenVINO cannot compute a network; the message says why."""


class OpenVinoNetwork(nn.Module):
    """Maps pixels to two logits as the network that it was converted from; without gradients.

    Safe to call from several threads; they take turns, because one forward pass uses all cores.
    """

    def __init__(self, compiled: "openvino.CompiledModel", temperature: float) -> None:
        super().__init__()
        self._request = compiled.create_infer_request()
        self._turn = threading.Lock()
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)`` of ``images``, uint8 ``(B, 3, S, S)`` on the CPU."""
        with self._turn:
            results = self._request.infer([images.contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(results[0]) / self.temperature


def why_not_openvino(detector: Detector) -> str | None:
    """Return why OpenVINO is not to be tried here, or ``None``."""
    if find_spec("openvino") is None:
        return "it is not installed: pip install openvino"
    if detector.precision == "bfloat16" and "BF16" not in _capabilities():
        return "this processor has no bfloat16"
    return None


def load_openvino(detector: Detector) -> OpenVinoNetwork:
    """Return the network of ``detector``, which is no ensemble, as OpenVINO computes it.

    Raises:
        DetectorError: If the weights do not fit the architecture.
        EngineError: If the network cannot be converted, or gives other logits than torch.
    """
    plain = replace(
        detector, temperature=1.0
    )  # a network is the same whatever it was calibrated to
    path = _cache_folder() / f"{plain.identity()}_{_version()}.xml"
    compiled = _read_kept(path, detector)
    if compiled is None:
        model = _convert(plain)
        _check(compiled := _compile(model, detector), model)
        _keep(model, path)
    return OpenVinoNetwork(compiled, detector.temperature)


def _read_kept(path: Path, detector: Detector) -> "openvino.CompiledModel | None":
    if not path.exists():
        return None
    try:
        model = _core().read_model(path)
        _check(compiled := _compile(model, detector), model)
        os.utime(path)
    except (RuntimeError, ValueError, OSError) as error:  # RuntimeError: of OpenVINO
        logger.warning("%s is converted again: %s", path, one_line(str(error))[:300])
        return None
    return compiled


def _convert(detector: Detector) -> "openvino.Model":
    """Return the network in OpenVINO's terms, and with it what torch's gives for a fixed image."""
    network = replace(detector, precision="float32").build_network()
    size = detector.preprocessing.image_size
    logger.info("OpenVINO takes this network over; the next run finds it converted")
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of torch's tracer, about shapes that do not change
            expected = network(_fixed_image(size))
            example = torch.zeros((2, 3, size, size), dtype=torch.uint8)
            # Traced here, because OpenVINO would trace it twice, to compare.
            traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
            model = _openvino().convert_model(
                traced, example_input=example, input=[-1, 3, size, size]
            )
    except (RuntimeError, TypeError, ValueError) as error:
        raise EngineError(f"OpenVINO cannot convert it: {str(error)[:300]}") from error
    model.set_rt_info(json.dumps(expected.double().tolist()), _LOGITS)
    return model


def _compile(model: "openvino.Model", detector: Detector) -> "openvino.CompiledModel":
    hint = {"float32": "f32", "bfloat16": "bf16"}[detector.precision]
    options = {
        "INFERENCE_PRECISION_HINT": hint,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,  # readers work on the same cores
    }
    return _core().compile_model(model, "CPU", options)


def _check(compiled: "openvino.CompiledModel", model: "openvino.Model") -> None:
    """Raise `EngineError` where the fixed image gets other logits than from torch's network."""
    expected = np.array(json.loads(model.get_rt_info(_LOGITS).astype(str)))
    size = model.inputs[0].get_partial_shape()[-1].get_length()
    found = compiled([_fixed_image(size).numpy()])[0]
    ours, theirs = (logits[:, 1] - logits[:, 0] for logits in (expected, found.astype(float)))
    difference = np.abs(theirs - ours) / np.maximum(1.0, np.abs(ours))
    is_exact = compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    if not (difference <= (TOLERANCE if is_exact else _ROUNDED)).all():
        raise EngineError(
            f"OpenVINO gives the margin {float(theirs[0]):.6g} of a fixed image, and torch "
            f"{float(ours[0]):.6g}"
        )


def _keep(model: "openvino.Model", path: Path) -> None:
    """Write the network where the next run finds it; drop those that were unused for longest."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent) as folder:
            _openvino().save_model(model, Path(folder, path.name), compress_to_fp16=False)
            for suffix in (".bin", ".xml"):  # the graph last: without it nothing is read
                made = Path(folder, path.name).with_suffix(suffix)
                made.replace(path.with_suffix(suffix))
        kept = sorted(path.parent.glob("*.xml"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-_KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".bin").unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        logger.warning(
            "The network that OpenVINO has converted cannot be kept in %s (%s): each run converts "
            "it again; XDG_CACHE_HOME names another folder",
            path.parent,
            one_line(str(error))[:200],
        )


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "face_forgery" / "openvino"


def _fixed_image(size: int) -> Tensor:
    pixels = np.random.default_rng(_SEED).integers(0, 256, (1, 3, size, size), dtype=np.uint8)
    return torch.from_numpy(pixels)


@cache
def _openvino() -> Any:
    """Import OpenVINO without what it would report of each import."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def _core() -> "openvino.Core":
    return _openvino().Core()


def _version() -> str:
    return str(_openvino().get_version()).partition("-")[0]


@cache
def _capabilities() -> frozenset[str]:
    return frozenset(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
