"""Faces in an image, and what is cut out for them.

Training, measuring and judging cut by the same functions, so that a network never sees a crop of
another kind than it has learnt.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.data.images.crops import Square, aligned_of, cut_square, square_of
from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.onnx_files import check_face_model
from face_forgery.params import FacesParams

_MAX_SIDE = 1024  # pixels; faces are looked for in a reduction of longer images
_NMS_OVERLAP = 0.3  # boxes that share more (intersection over union) are one face
_MAX_CANDIDATES = 5000
_BLUR_SIDE = 112  # pixels; faces of every size are compared at this one
_BLUR_KERNEL = 9


class Face(NamedTuple):
    """A face, in pixels of the upright image; it may reach beyond the edges.

    ``landmarks`` are five points (x, y): the person's right eye, left eye, tip of the nose, right
    and left corner of the mouth.
    """

    left: float
    top: float
    width: float
    height: float
    confidence: float  # in [0, 1]
    landmarks: tuple[tuple[float, float], ...]


class FoundFaces(NamedTuple):
    """The faces of an image that can be judged, the largest first, or why there is none."""

    faces: tuple[Face, ...]
    status: str  # ok, no_face, too_small or too_blurry
    detail: str  # empty for ok


@dataclass(frozen=True, eq=False)
class FaceFinder:
    """Finds faces with OpenCV's ``FaceDetectorYN``; picklable.

    Source of the detector: Wu et al. 2023, YuNet: A Tiny Millisecond-level Face Detector.
    """

    model: bytes  # content of a YuNet file in ONNX
    params: FacesParams  # what counts as a face that can be judged, and how it is cut

    def find(self, pixels: NDArray[np.uint8]) -> FoundFaces:
        """Find the faces of ``pixels``, ``(H, W, 3)`` RGB, that can be judged.

        Raises:
            InputError: If the model cannot be used.
        """
        faces = self.detect(pixels)
        if not faces:
            return FoundFaces((), "no_face", "no face was found (faces.min_confidence)")
        large = [face for face in faces if min(face.width, face.height) >= self.params.min_size]
        if not large:
            width, height = round(faces[0].width), round(faces[0].height)
            detail = (
                f"the largest of {len(faces)} face(s) has {width} x {height} pixels; the shorter "
                f"side needs {self.params.min_size} (faces.min_size)"
            )
            return FoundFaces((), "too_small", detail)
        blurs = [
            measure_blur(cut_square(pixels, square_of(face[:4], 0.0, pixels.shape)))
            for face in large
        ]
        sharp = [f for f, blur in zip(large, blurs, strict=True) if blur <= self.params.max_blur]
        if not sharp:
            detail = (
                f"the sharpest of {len(large)} face(s) has a blur of {min(blurs):.2f}; at most "
                f"{self.params.max_blur:.2f} can be judged (faces.max_blur)"
            )
            return FoundFaces((), "too_blurry", detail)
        return FoundFaces(tuple(sharp), "ok", "")

    def detect(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """Return every face of ``pixels``, ``(H, W, 3)`` RGB, the largest first."""
        height, width = pixels.shape[:2]
        scale = min(1.0, _MAX_SIDE / max(height, width))
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._detector.setInputSize((pixels.shape[1], pixels.shape[0]))
        rows = self._detector.detect(np.ascontiguousarray(pixels[:, :, ::-1]))[1]
        faces = [] if rows is None else [_to_face(row, scale) for row in np.asarray(rows, float)]
        return sorted(faces, key=lambda face: (-face.width * face.height, face.left, face.top))

    def square_of(self, face: Face, shape: tuple[int, ...]) -> Square:
        """Return what is cut out for ``face`` of an image of ``shape`` (height, width, ...)."""
        if self.params.crop == "aligned":
            return aligned_of(face[:4], face.landmarks, self.params.margin, shape)
        return square_of(face[:4], self.params.margin, shape)

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "FaceFinder | None":
        """Return what ``finder_values`` made plain; ``None`` where images are taken whole."""
        if values["model"] is None:
            return None
        return cls(b64decode(values["model"]), FacesParams(**values["params"]))

    @cached_property
    def _detector(self) -> "cv2.FaceDetectorYN":
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            check_face_model(self.model)
            return cv2.FaceDetectorYN.create(
                "onnx",
                np.frombuffer(self.model, np.uint8),
                np.empty(0, np.uint8),
                (320, 320),
                self.params.min_confidence,
                _NMS_OVERLAP,
                _MAX_CANDIDATES,
            )
        except (cv2.error, ValueError) as error:
            raise InputError(
                f"faces.detector={self.params.detector}: not a YuNet face detector in ONNX "
                f"({str(error).strip().splitlines()[-1]}). One that fits is "
                "face_detection_yunet_2023mar.onnx of OpenCV's model zoo"
            ) from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "params": self.params}


def finder_values(model: bytes | None, params: FacesParams) -> dict[str, Any]:
    """Return a face detector and its settings, but for its path, as values that JSON can hold."""
    return {
        "model": None if model is None else b64encode(model).decode(),
        "params": params.model_dump(mode="json") | {"detector": None},
    }


def measure_blur(pixels: NDArray[np.uint8]) -> float:
    """Return how blurred a face is, from 0 (sharp) to 1; faces of every size are comparable.

    An image that is blurred once more loses many of its steps between neighbors if it was sharp,
    and few if it was not. Source: Crete et al. 2007, The blur effect: perception and estimation
    with a new no-reference perceptual blur metric.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    size = (_BLUR_SIDE, _BLUR_SIDE)
    grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float64)
    return max(_blur_along(grey, 0), _blur_along(grey, 1))


def _blur_along(grey: NDArray[np.float64], axis: int) -> float:
    kernel = (1, _BLUR_KERNEL) if axis == 0 else (_BLUR_KERNEL, 1)
    blurred = np.asarray(cv2.blur(grey, kernel, borderType=cv2.BORDER_REFLECT))
    steps, left = (np.abs(np.diff(image, axis=axis)) for image in (grey, blurred))
    total = float(steps.sum())
    if total == 0.0:
        return 1.0  # one color: nothing can be seen
    return 1.0 - float(np.maximum(steps - left, 0).sum()) / total


def _to_face(row: NDArray[np.float64], scale: float) -> Face:
    left, top, width, height, *points = (row[:14] / scale).tolist()
    landmarks = tuple(zip(points[::2], points[1::2], strict=True))
    return Face(left, top, width, height, float(row[14]), landmarks)
