"""What MLflow runs where a detector is loaded or served: encoded images in, judgements out.

MLflow stores this file with the detector's folder and executes it on loading.
"""

import re
from base64 import b64decode
from typing import Any
from urllib.parse import unquote_to_bytes

import mlflow
import pandas as pd

from face_forgery.inference.judging import Detector

# Bytes that may be the text of others. A portable bitmap can be written in digits alone.
_IS_TEXT = re.compile(rb"data:|(?!P[1-6]\s)[\w+/-][\w+/\s-]*={0,2}\s*\Z", re.ASCII | re.IGNORECASE)
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class ServedDetector(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Judges images by the detector in the artifact ``detector``."""

    def load_context(self, context: Any) -> None:
        """Read the detector and build its network, once.

        The folder is ``artifacts["detector"]`` of the ``context``. Of its ``model_config``,
        ``min_size`` is the shortest side in pixels that is judged, ``max_pictures`` how many images
        one request may have and ``max_seconds`` how long that may take; ``None``: any number.

        Raises:
            DetectorError: If the folder is damaged or has no operating points.
        """
        config = context.model_config
        self._detector = Detector.load(
            context.artifacts["detector"], min_size=int(config["min_size"])
        )
        self._max_images: int | None = config.get("max_pictures")
        self._max_seconds: float | None = config.get("max_seconds")

    def predict(
        self,
        context: Any,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Judge images; one that cannot be judged gets a status and stops nothing.

        The column ``image`` of ``model_input`` holds the bytes of encoded images (JPEG, PNG, ...),
        or these as base64, URL-safe base64 or a ``data:`` URL.

        Returns:
            A row an image: what ``inference.verdicts.Judgement.to_dict`` returns, and
            ``learnt_from``, a sentence about the detector, the same in each.

        Raises:
            MlflowException: If there are more than ``max_pictures``, they take more than
                ``max_seconds``, or a text is none of an image.
        """
        if self._max_images is not None and len(model_input) > self._max_images:
            raise mlflow.MlflowException.invalid_parameter_value(
                f"{len(model_input):,} images are more than the {self._max_images:,} that one "
                "request may have"
            )
        images = [_decode(given, row) for row, given in enumerate(model_input["image"], start=1)]
        try:
            judgements = self._detector.judge(images, seconds=self._max_seconds)
        except TimeoutError as error:
            raise mlflow.MlflowException(str(error)) from error
        # objects, because a server would write NaN, which is not JSON
        rows = [one.to_dict() | {"learnt_from": self._detector.learnt_from} for one in judgements]
        return pd.DataFrame(rows, dtype=object)


def _decode(given: Any, row: int) -> bytes:
    """Return the bytes of an encoded image, which may have come as text.

    Over HTTP it is always text, and MLflow decodes none of it: the column is one of texts.
    """
    if not isinstance(given, str | bytes | bytearray):
        raise mlflow.MlflowException.invalid_parameter_value(
            f"image {row} is of the type {type(given).__name__}; it must be base64 text"
        )
    text = given.encode(errors="replace") if isinstance(given, str) else bytes(given)
    try:
        return _decode_text(text) if isinstance(given, str) or _IS_TEXT.match(text) else text
    except ValueError as error:
        if not isinstance(given, str):
            return text
        raise mlflow.MlflowException.invalid_parameter_value(
            f"image {row} is neither base64 nor a data: URL: {given[:40]!r}"
        ) from error


def _decode_text(text: bytes) -> bytes:
    """Decode base64 of either alphabet, with or without line breaks and padding, or a data: URL."""
    if text[:5].lower() == b"data:":
        head, _, content = text.partition(b",")
        text = unquote_to_bytes(content)
        if not head.lower().endswith(b";base64"):
            return text
    text = b"".join(text.split()).rstrip(b"=").translate(_FROM_URL_SAFE)
    return b64decode(text + b"=" * (-len(text) % 4), validate=True)


mlflow.models.set_model(ServedDetector())
