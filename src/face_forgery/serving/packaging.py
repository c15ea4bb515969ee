"""A detector's folder becomes a logged MLflow model."""

import io
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Map, Object, Property
from PIL import Image, ImageDraw

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
    "timm",
    "torch",
    "torchvision",
    "tqdm",
)
_FACE = Object(
    [
        *(
            Property(name, DataType.double)
            for name in ("left", "top", "width", "height", "confidence", "y_pred")
        ),
        Property("verdict", DataType.string),
    ]
)
SIGNATURE = ModelSignature(
    # Of a binary column MLflow decodes base64 in two of its four formats, and in no other spelling.
    inputs=Schema([ColSpec(DataType.string, "image")]),
    outputs=Schema(
        [
            ColSpec(DataType.double, "y_pred"),
            ColSpec(DataType.string, "verdict"),
            ColSpec(DataType.string, "status"),
            ColSpec(DataType.string, "detail"),
            ColSpec(Array(_FACE), "faces"),
            ColSpec(Map(DataType.string), "evidence"),
            ColSpec(DataType.string, "learnt_from"),
        ]
    ),
)


def log_detector(folder: Path, *, min_size: int, register_as: str | None) -> str:
    """Log the detector in ``folder`` as a model of the active run.

    Args:
        folder: As ``modeling.detector_folder`` writes it, with operating points.
        min_size: Pixels; the served model refuses images with a shorter side.
        register_as: Also a new version of this name in the registry, with the alias ``newest``.

    Returns:
        The model's address, ``models:/m-...``.
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
    """Return one row with a few drawn shapes like a face as a JPEG."""
    image = Image.new("RGB", (96, 96), (70, 90, 120))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 10, 76, 86), fill=(224, 182, 150))
    for eye in ((34, 36, 42, 42), (54, 36, 62, 42)):
        draw.ellipse(eye, fill=(40, 30, 30))
    encoded = io.BytesIO()
    image.save(encoded, format="JPEG", quality=90)
    return pd.DataFrame({"image": [encoded.getvalue()]})


def requirements() -> list[str]:
    """Return what serving needs, in the versions that are installed here.

    A local part such as ``+cpu`` is left out: the package index does not know it.
    """
    return [f"{name}=={version(name).split('+')[0]}" for name in _REQUIREMENTS]
