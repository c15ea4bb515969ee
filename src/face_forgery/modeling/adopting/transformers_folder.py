"""A folder of Hugging Face's transformers with a classifier: its graph becomes a detector."""

import json
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from face_forgery.modeling.adopting.facts import choose_fake, complete_preprocessing
from face_forgery.modeling.adopting.graph import adopt_module
from face_forgery.modeling.detector import BackboneError, Detector
from face_forgery.modeling.weights import first_line
from face_forgery.params import AdoptParams

logger = logging.getLogger(__name__)

CONFIG, PROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
_INTERPOLATIONS = {2: "bilinear", 3: "bicubic"}  # of Pillow
_KNOWN_STEPS = {"do_resize", "do_rescale", "do_normalize", "do_center_crop", "do_convert_rgb"}
# In config.json: code or weights from elsewhere, or weights that are no plain numbers.
_REFUSED = ("auto_map", "quantization_config", "adapter_config")
_TOLERANCE = 1e-3  # of a normalized pixel


class _Logits(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixel_values=pixels).logits
        return logits


def adopt_transformers_folder(folder: Path, config: dict[str, Any], adopt: AdoptParams) -> Detector:
    """Return the detector of a folder whose ``config.json`` is `check_config`'s.

    Raises:
        BackboneError: If it is no such folder, asks for code or weights from elsewhere, what its
            processor does to images cannot be done here, or if something is not said.
        ImportError: If transformers is not installed.
    """
    if find_spec("transformers") is None:
        raise ImportError("adopting a folder of transformers needs it: pip install transformers")
    processor = _load_processor(folder)
    steps = processor.to_dict() if processor is not None else {}
    own, crop = _read_steps(steps, folder, adopt)
    preprocessing = complete_preprocessing(adopt, own)
    if adopt.image_size is not None:
        crop = None
    network = _load_network(folder)
    labels = [str(name) for _, name in sorted(network.config.id2label.items())]
    fake = choose_fake(adopt, len(labels), labels)
    is_as_said = all(getattr(adopt, name) is None for name in ("image_size", "mean", "std"))
    if processor is not None and is_as_said:
        _check_processor(processor, preprocessing, crop, folder)
    if crop is not None or "shortest_edge" in dict(steps.get("size") or {}):
        logger.warning(
            "%s keeps the sides of an image in proportion and the center alone; here an image that "
            "is not square is squeezed, and its score differs",
            folder / PROCESSOR,
        )
    architecture = f"transformers/{(config.get('architectures') or ['unknown'])[0]}"
    return adopt_module(_Logits(network), architecture, preprocessing, fake, crop=crop)


def check_config(folder: Path) -> dict[str, Any]:
    """Return ``config.json`` of a folder with weights; raises as `adopt_transformers_folder`."""
    if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]:
        raise BackboneError(
            f"adopt.model={str(folder)!r} is no folder of transformers: {', '.join(missing)} is "
            "not there; expected config.json, preprocessor_config.json and model.safetensors "
            "(pytorch_model.bin is never opened: save the model again with save_pretrained)"
        )
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise BackboneError(f"{folder / CONFIG}: {first_line(error)}") from error
    found = [name for name in _REFUSED if isinstance(config, dict) and name in config]
    if (folder / "adapter_config.json").exists():
        found.append("adapter_config.json")
    if not isinstance(config, dict) or found:
        raise BackboneError(
            f"adopt.model={str(folder)!r} asks for {', '.join(found) or 'nothing known'}, which "
            "may be code or weights from elsewhere; none is run or fetched. Export the model to "
            "ONNX where you trust it, and adopt that file"
        )
    return config


def _load_processor(folder: Path) -> Any:
    """Return what prepares images; ``None`` where the folder does not say."""
    if not (folder / PROCESSOR).is_file():
        return None
    from transformers import AutoImageProcessor

    try:
        return AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (ValueError, OSError, TypeError, KeyError, ImportError, AttributeError) as error:
        raise BackboneError(f"{folder / PROCESSOR}: {first_line(error)}") from error


def _load_network(folder: Path) -> Any:
    from transformers import AutoModelForImageClassification

    try:
        network, report = AutoModelForImageClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            attn_implementation="eager",
            output_loading_info=True,
        )
    except Exception as error:  # each architecture of the library raises its own
        raise BackboneError(
            f"transformers cannot load adopt.model={str(folder)!r} as a classifier of images: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    if missing := sorted(map(str, report["missing_keys"])):
        raise BackboneError(
            f"{folder / WEIGHTS} lacks {len(missing)} weights, such as {', '.join(missing[:3])}, "
            "which would be random. A backbone alone is no detector"
        )
    if network.config.problem_type == "multi_label_classification":
        raise BackboneError(
            f"adopt.model={str(folder)!r} gives each label a probability of its own "
            "(multi_label_classification); a detector needs labels that exclude each other"
        )
    return network.eval()


def _read_steps(
    steps: dict[str, Any], folder: Path, adopt: AdoptParams
) -> tuple[dict[str, Any], int | None]:
    """Return what a processor says of preprocessing, and the pixels of its crop of the center."""
    odd = [n for n, on in steps.items() if n.startswith("do_") and on and n not in _KNOWN_STEPS]
    if odd:
        raise BackboneError(f"{folder / PROCESSOR}: {', '.join(odd)} cannot be done here")
    resized, crop = _read_size(steps)
    own: dict[str, Any] = {"image_size": resized}
    own["interpolation"] = _INTERPOLATIONS.get(int(steps.get("resample") or -1))
    if not steps.get("do_rescale", True):
        return own, crop  # its pixels are on a scale that nobody says
    unit = 255 * float(steps.get("rescale_factor") or 1 / 255)
    if steps.get("do_normalize", True):
        means, stds = steps.get("image_mean"), steps.get("image_std")
    else:
        means, stds = (0.0,) * 3, (1.0,) * 3
    for name, values in (("mean", means), ("std", stds)):
        if values is not None:
            own[name] = tuple(float(one) / unit for one in values)
    return own, crop


def _read_size(steps: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return the side that a square image is resized to, and that of the center that is kept."""
    size, share = dict(steps.get("size") or {}), steps.get("crop_pct")
    side = _square(size)
    if side is not None and "shortest_edge" in size and share and side < 384:  # of ConvNext
        return int(side / share), side
    crop = _square(dict(steps.get("crop_size") or {})) if steps.get("do_center_crop") else None
    return side, None if crop is None or crop == side else crop


def _square(size: dict[str, Any]) -> int | None:
    sides = {value for name, value in size.items() if name in ("height", "width", "shortest_edge")}
    return int(sides.pop()) if len(sides) == 1 else None


def _check_processor(processor: Any, preprocessing: Any, crop: int | None, folder: Path) -> None:
    """Raise where the processor makes another input of a square image than will be made here."""
    outer = preprocessing.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (outer, outer, 3), dtype=np.uint8)
    given = processor(images=Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
    side = crop or outer
    start = (outer - side) // 2
    middle = pixels[start : start + side, start : start + side].astype(np.float64)
    ours = ((middle / 255 - preprocessing.mean) / preprocessing.std).transpose(2, 0, 1)
    if given.shape != ours.shape or np.abs(given - ours).max() > _TOLERANCE:
        raise BackboneError(
            f"{folder / PROCESSOR}: {type(processor).__name__} does more to images than to "
            "resize, crop and normalize them; say what they go through: adopt.image_size, "
            "adopt.interpolation, adopt.mean and adopt.std"
        )
