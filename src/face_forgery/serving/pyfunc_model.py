"""What MLflow runs where a detector is loaded or served: encoded images in, judgements out.

MLflow stores this file with the detector's folder and executes it on loading.
"""

from typing import Any

import mlflow
import pandas as pd

from face_forgery.inference.judging import Detector


class ServedDetector(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Judges images by the detector in the artifact ``detector``."""

    def load_context(self, context: Any) -> None:
        """Read the detector and build its network, once.

        Args:
            context: ``artifacts["detector"]`` is the folder, ``model_config["min_size"]`` the
                shortest side in pixels that is judged, ``model_config["max_pictures"]`` how many
                images one request may have and ``model_config["max_seconds"]`` how long that may
                take; ``None``: any number.

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

        Args:
            context: Not used.
            model_input: Column ``image``: encoded images (JPEG, PNG, ...); base64 over HTTP.
            params: Not used.

        Returns:
            A row an image: ``y_pred`` (the probability of forgery; None unless the status is ok),
            ``verdict`` (real, fake or unsure; empty unless ok), ``status``, ``detail`` (why),
            ``faces``: a list of ``left``, ``top``, ``width``, ``height`` (pixels of the upright
            image), ``confidence``, ``y_pred``, ``verdict``, the largest first; empty where the
            detector takes images whole.

        Raises:
            MlflowException: If there are more than ``max_pictures``, or they take more than
                ``max_seconds``.
        """
        if self._max_images is not None and len(model_input) > self._max_images:
            raise mlflow.MlflowException.invalid_parameter_value(
                f"{len(model_input):,} images are more than the {self._max_images:,} that one "
                "request may have"
            )
        images = [bytes(image) for image in model_input["image"]]
        try:
            judgements = self._detector.judge(images, seconds=self._max_seconds)
        except TimeoutError as error:
            raise mlflow.MlflowException(str(error)) from error
        # objects, because a server would write NaN, which is not JSON
        return pd.DataFrame([judgement.to_dict() for judgement in judgements], dtype=object)


mlflow.models.set_model(ServedDetector())
