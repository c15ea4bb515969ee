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
from face_forgery.params import Precision

if TYPE_CHECKING:
    import openvino

logger = logging.getLogger(__name__)

# Of a margin, and of its size above 1; 4e-5 are at most 1e-5 of a score.
TOLERANCES: dict[Precision, float] = {"float32": 4e-5, "bfloat16": 0.1, "int8": 0.02}
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
        """Return logits ``(B, 2)`` of ``images``, uint8 ``(B, 3, S, S)`` on the CPU.

        Raises:
            EngineError: If OpenVINO gives fewer.
        """
        with self._turn:
            logits = self._request.infer([images.contiguous().numpy()], share_inputs=True)[0]
        if logits.shape != (len(images), 2):  # seen where memory was short
            raise EngineError(
                f"OpenVINO gave logits of shape {logits.shape} for {len(images)} images, which it "
                "does where memory is short; free some, lower scoring.batch_size, or take "
                "scoring.engine=torch"
            )
        return torch.from_numpy(logits) / self.temperature


def why_not_openvino(detector: Detector) -> str | None:
    """Return why OpenVINO is not to be tried here, or ``None``."""
    if find_spec("openvino") is None:
        return "it is not installed: pip install openvino"
    if detector.precision == "bfloat16" and "BF16" not in core().get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    ):
        return "this processor has no bfloat16"
    return None


def load_openvino(detector: Detector) -> OpenVinoNetwork:
    """Return the network of ``detector``, which is no ensemble, as OpenVINO computes it.

    Raises:
        DetectorError: If the weights do not fit the architecture.
        EngineError: If the network cannot be converted, or gives other logits than torch.
    """
    # What is kept serves whatever the network was calibrated to.
    version = str(import_openvino().get_version()).partition("-")[0]
    path = _cache_folder() / f"{replace(detector, temperature=1.0).identity()}_{version}.xml"
    compiled = _read_kept(path, detector.precision)
    if compiled is None:
        logger.info("OpenVINO takes this network over; the next run finds it converted")
        model = convert(detector)
        compiled = compile_checked(model, detector.precision)
        _keep(model, path)
    return OpenVinoNetwork(compiled, detector.temperature)


def _read_kept(path: Path, precision: Precision) -> "openvino.CompiledModel | None":
    if not path.exists():
        return None
    try:
        compiled = compile_checked(core().read_model(path), precision)
        os.utime(path)
    except (RuntimeError, ValueError, OSError) as error:  # RuntimeError: of OpenVINO
        logger.warning("%s is converted again: %s", path, one_line(str(error))[:300])
        return None
    return compiled


def convert(detector: Detector) -> "openvino.Model":
    """Return the uncalibrated network in float32, in OpenVINO's terms.

    With it is kept what torch's network gives for a fixed image. Raises as `load_openvino`.
    """
    network = replace(detector, precision="float32", temperature=1.0).build_network()
    size = detector.preprocessing.image_size
    model = convert_module(network, torch.zeros((2, 3, size, size), dtype=torch.uint8))
    with torch.inference_mode():
        _keep_logits(model, network(_fixed_image(size)).double().tolist())
    return model


def convert_module(network: nn.Module, example: Tensor) -> "openvino.Model":
    """Return what ``network`` computes of any number of images like those of ``example``.

    Raises:
        EngineError: If the network cannot be converted.
    """
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of torch's tracer, about shapes that do not change
            # Traced here, because OpenVINO would trace it twice, to compare.
            traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
            return import_openvino().convert_model(
                traced, example_input=example, input=[-1, *example.shape[1:]]
            )
    except (RuntimeError, TypeError, ValueError) as error:
        raise EngineError(f"OpenVINO cannot convert it: {str(error)[:300]}") from error


def keep_own_logits(model: "openvino.Model") -> None:
    """Keep with ``model`` what it gives itself for the fixed image."""
    logits = compile_model(model, "int8")([_fixed_image(_size_of(model)).numpy()])[0]
    _keep_logits(model, logits.tolist())


def _keep_logits(model: "openvino.Model", logits: list[list[float]]) -> None:
    model.set_rt_info(json.dumps(logits), _LOGITS)


def compile_checked(model: "openvino.Model", precision: Precision) -> "openvino.CompiledModel":
    """Return ``model`` ready for this processor.

    Raises:
        EngineError: If the fixed image gets other logits than those that are kept with it.
    """
    compiled = compile_model(model, precision)
    kept = np.array(json.loads(model.get_rt_info(_LOGITS).astype(str)))
    found = compiled([_fixed_image(_size_of(model)).numpy()])[0].astype(float)
    expected, given = (logits[:, 1] - logits[:, 0] for logits in (kept, found))
    allowed = TOLERANCES[precision] * np.maximum(1.0, np.abs(expected))
    if not (np.abs(given - expected) <= allowed).all():
        raise EngineError(
            f"OpenVINO gives the margin {float(given[0]):.6g} of a fixed image where "
            f"{float(expected[0]):.6g} is right"
        )
    return compiled


def compile_model(model: "openvino.Model", precision: Precision) -> "openvino.CompiledModel":
    """Return ``model`` ready for this processor, unchecked."""
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,  # readers work on the same cores
    }
    return core().compile_model(model, "CPU", options)


def _size_of(model: "openvino.Model") -> int:
    return int(model.inputs[0].get_partial_shape()[-1].get_length())


def _keep(model: "openvino.Model", path: Path) -> None:
    """Write the network where the next run finds it; drop those that were unused for longest."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent) as folder:
            import_openvino().save_model(model, Path(folder, path.name), compress_to_fp16=False)
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
def import_openvino() -> Any:
    """Import OpenVINO without what it would report of each import."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def core() -> "openvino.Core":
    """Return OpenVINO's runtime, one for this process."""
    return import_openvino().Core()
