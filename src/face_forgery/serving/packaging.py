"""A detector's folder becomes a logged MLflow model."""

import io
import shutil
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Map, Object, Property
from PIL import Image

from face_forgery.modeling.detector_folder import read_meta
from face_forgery.modeling.provenance import describe_training_data
from face_forgery.params.inference import MIN_SIZE

MODEL_NAME = "detector"
ALIAS = "newest"
# What serving imports, and nothing of what training needs besides.
_REQUIREMENTS = (
    "fsspec",
    "huggingface_hub",
    "joblib",
    "lazy-loader",
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "simplejpeg",
    "timm",
    "torch",
    "torchvision",
    "tqdm",
)
_NUMBERS = ("left", "top", "width", "height", "confidence", "y_pred")
_FACE = [*(Property(name, DataType.double) for name in _NUMBERS)]
_FACE += [Property("verdict", DataType.string)]
_ANSWER = {
    "y_pred": DataType.double,
    **dict.fromkeys(("verdict", "status", "detail"), DataType.string),
    "faces": Array(Object(_FACE)),
    "evidence": Map(DataType.string),
    "learnt_from": DataType.string,
}
SIGNATURE = ModelSignature(
    # Of a binary column MLflow decodes base64 in two of its four formats, and in no other spelling.
    inputs=Schema([ColSpec(DataType.string, "image")]),
    outputs=Schema([ColSpec(kind, name) for name, kind in _ANSWER.items()]),
)


def log_detector(folder: Path, *, min_size: int, register_as: str | None) -> str:
    """Log the detector in ``folder`` as a model of the active run; return ``models:/m-...``.

    The served model refuses images with a side of fewer than ``min_size`` pixels. ``register_as``:
    also as a new version of this name in the registry, with the alias ``newest``.
    """
    with TemporaryDirectory() as scratch:
        info = mlflow.pyfunc.log_model(
            name=MODEL_NAME,
            **describe_model(folder, Path(scratch), min_size=min_size),
            code_paths=[str(Path(__file__).parents[1])],
            registered_model_name=register_as,
        )
    if register_as is not None:
        mlflow.MlflowClient().set_registered_model_alias(
            register_as, ALIAS, info.registered_model_version
        )
    return str(info.model_uri)


def describe_model(folder: Path, scratch: Path, *, min_size: int = MIN_SIZE) -> dict[str, Any]:
    """Return what MLflow is told of the detector in ``folder``, wherever it will be kept.

    It is copied to ``scratch`` first: MLflow refuses links, and caches of hubs are made of them.
    """
    copy = shutil.copytree(folder, scratch / "detector")
    card = read_meta(copy).training_data
    return {
        "metadata": {  # shown on the page of the model
            "learnt_from": describe_training_data(card),
            "training_data": None if card is None else asdict(card),
        },
        "python_model": str(Path(__file__).with_name("pyfunc_model.py")),
        "artifacts": {"detector": str(copy)},
        "signature": SIGNATURE,
        "input_example": example_input(),
        "pip_requirements": requirements(),
        "model_config": {"min_size": min_size, "max_pictures": None, "max_seconds": None},
    }


def example_input() -> pd.DataFrame:
    """Return one row with a small JPEG."""
    encoded = io.BytesIO()
    Image.radial_gradient("L").resize((96, 96)).convert("RGB").save(encoded, format="JPEG")
    return pd.DataFrame({"image": [encoded.getvalue()]})


def requirements() -> list[str]:
    """Return what serving needs, in the versions that are installed here.

    A local part such as ``+cpu`` is left out: the package index does not know it.
    """
    pinned = [f"{name}=={version(name).split('+')[0]}" for name in _REQUIREMENTS]
    if find_spec("openvino"):  # where it cannot be had, torch scores
        pinned.append(f'openvino=={version("openvino")}; platform_machine != "aarch64"')
    return pinned
