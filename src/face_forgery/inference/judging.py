"""A detector that is ready to judge: what Python, the command, the server and the page use."""

import io
import os
import re
import time
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast, overload

import numpy as np
import pandas as pd
from huggingface_hub import snapshot_download
from numpy.typing import NDArray
from PIL import Image

import face_forgery as ff
from face_forgery.data.images.decoding import InputError, decode_opened, decode_rgb
from face_forgery.data.images.evidence import read_evidence
from face_forgery.data.images.remote import read_bytes_at
from face_forgery.inference.reading import ImageReader, Reading, stack_readings
from face_forgery.inference.scoring import score_batch
from face_forgery.inference.verdicts import Judgement, judge_row, operating_points_of
from face_forgery.modeling.detector import Detector as TrainedDetector
from face_forgery.modeling.detector import DetectorError
from face_forgery.modeling.detector_files import META
from face_forgery.modeling.detector_folder import read_detector
from face_forgery.modeling.engines.choice import build_scorer, with_gradients
from face_forgery.modeling.provenance import describe_training_data
from face_forgery.params import EngineName
from face_forgery.params.inference import DETECTOR_FOLDER, MIN_SIZE

if TYPE_CHECKING:
    from torch import nn

    from face_forgery.inference.explanation.explain import Explanation
    from face_forgery.inference.videos.judgement import JudgedVideo
    from face_forgery.params import VideoParams

_BATCH = 32
_OWNED = r"([\w.-]+/[\w.-]+)"
_HUB = re.compile(rf"(?:hf[-_]hub:|hf://|https://huggingface\.co/){_OWNED}(?:@(.+))?/?")
# Of a detector, members included.
_HUB_FILES = ["*.json", "*.safetensors", "*.onnx", "*int8.*", "*network.xml", "*network.bin"]
_ACCEPTED = "a path, a URL, encoded bytes, an open file, a uint8 array or a PIL image"

ImageLike = str | os.PathLike[str] | bytes | bytearray | io.IOBase | NDArray[np.uint8] | Image.Image


class Detector:
    """A trained detector whose network is built, to judge images with.

    Example:
        >>> import face_forgery as ff
        >>> detector = ff.Detector.load("data/06_models/detector")
        >>> judged = detector.judge("photo.jpg")
        >>> judged.status, judged.verdict in ("real", "fake", "unsure"), 0 <= judged.score <= 1
        ('ok', True, True)
        >>> [one.status for one in detector.judge(["photo.jpg", "notes.txt", "gone.jpg"])]
        ['ok', 'unreadable', 'missing']
        >>> why = judged.explain()
        >>> heat_map = ff.overlay(why.pixels, why.heat)  # uint8 (H, W, 3)

    Args:
        trained: What is stored; must have operating points.
        min_size: Pixels; an image with a shorter side is ``too_small``.
        engine: What computes the forward pass: ``torch``, ``openvino``, or ``auto``, which is
            OpenVINO on a CPU; `FACE_FORGERY_ENGINE` in the environment says what ``auto`` is.

    Attributes:
        trained: As given: preprocessing, metrics, training parameters, ...
        points: Where its scores become verdicts, and what was measured there.
        learnt_from: A sentence that says whether it learnt from photographs; read it first.

    Raises:
        DetectorError: If it has no operating points, or its weights do not fit.
    """

    def __init__(
        self,
        trained: TrainedDetector,
        *,
        min_size: int = MIN_SIZE,
        engine: EngineName = "auto",
    ) -> None:
        self.trained, self.points = trained, operating_points_of(trained)
        self.learnt_from = describe_training_data(trained.training_data)
        self._min_size = min_size
        self._scorer = build_scorer(trained, engine)

    @classmethod
    def load(
        cls,
        location: str | os.PathLike[str] = DETECTOR_FOLDER,
        *,
        min_size: int = MIN_SIZE,
        engine: EngineName = "auto",
    ) -> Self:
        """Read a detector or an ensemble. Nothing in its files is executed.

        Args:
            location: A folder, or ``hf-hub:OWNER/NAME`` (``@REVISION`` may follow) of the Hugging
                Face hub.
            min_size: As of the class.
            engine: As of the class.

        Raises:
            DetectorError: If there is none, or it is damaged; names the remedy.
        """
        return cls(read_detector(find_folder(location)), min_size=min_size, engine=engine)

    @overload
    def judge(  # type: ignore[overload-overlap]  # a path is an iterable of letters
        self, images: ImageLike, *, seconds: float | None = None
    ) -> Judgement: ...
    @overload
    def judge(
        self, images: Iterable[ImageLike], *, seconds: float | None = None
    ) -> list[Judgement]: ...
    def judge(
        self, images: ImageLike | Iterable[ImageLike], *, seconds: float | None = None
    ) -> Judgement | list[Judgement]:
        """Judge one image, or several; one that cannot be judged stops nothing.

        Args:
            images: A path, a URL (``https://``, ``s3://``, ...), the bytes of an encoded image, a
                file that is open for reading bytes, a PIL image, or a uint8 array: ``(H, W, 3)``,
                RGB, or ``(H, W)``, grey. Or an iterable of these, such as a list.
            seconds: After which no further image is begun; ``None``: there is no limit.

        Returns:
            What is said about the image; a list, in their order, for several.

        Raises:
            InputError: If something is given that is no image, such as an array of floats.
            TimeoutError: If ``seconds`` were over before the last image was begun.
        """
        if _is_one(images):
            return next(self.stream([cast(ImageLike, images)], seconds=seconds))
        return list(self.stream(cast(Iterable[ImageLike], images), seconds=seconds))

    def stream(
        self, images: Iterable[ImageLike], *, seconds: float | None = None
    ) -> Iterator[Judgement]:
        """Yield what `judge` returns of several images; memory does not grow with their number."""
        end = None if seconds is None else time.monotonic() + seconds
        reader = ImageReader.of(self.trained, min_size=self._min_size)
        batch: list[tuple[GivenImage, Reading]] = []
        for number, image in enumerate(images):
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"{number:,} image(s) could be judged within {seconds:g} s")
            given = GivenImage(image)
            batch.append((given, reader.read(given.decode)))
            if len(batch) == _BATCH:
                yield from self._judge_batch(batch)
                batch = []
        yield from self._judge_batch(batch)

    def judge_video(self, path: str | os.PathLike[str], params: "VideoParams") -> "JudgedVideo":
        """Judge the video at ``path``, frame by frame and person by person."""
        row = {"img_name": [Path(path).name], "path": [os.fspath(path)], "problem": [None]}
        (judged,) = ff.judge_videos(
            self.trained,
            pd.DataFrame(row),
            params,
            min_size=self._min_size,
            batch_size=_BATCH,
            network=self._scorer,
        )
        return judged

    def prepare_explanations(self) -> None:
        """Import and build what the first explanation needs, which takes seconds."""
        _ = ff.explain_one, ff.overlay, self._network

    def _judge_batch(self, batch: "list[tuple[GivenImage, Reading]]") -> Iterator[Judgement]:
        scored = score_batch(self._scorer, stack_readings([reading for _, reading in batch]))
        for row, (given, _) in enumerate(batch):
            explainer = partial(self._explain, given.content)
            yield judge_row(scored, row, self.points, evidence=given.evidence, explainer=explainer)

    @cached_property
    def _network(self) -> "nn.Module":
        return with_gradients(self.trained, self._scorer)

    def _explain(self, image: Any, *, has_views: bool, face: int | None) -> "Explanation":
        reading, explanation = ff.explain_one(
            self.trained,
            self._scorer,
            self._network,
            GivenImage(image).decode,
            min_size=self._min_size,
            has_views=has_views,
            face=face,
        )
        if explanation is None:
            raise InputError(f"the image is no longer what was judged: {reading.detail}")
        return explanation


class GivenImage:
    """An image in any form, which is read when it is decoded; ``evidence`` is filled by then.

    Raises:
        InputError: If it is none of the forms that `Detector.judge` takes.
    """

    def __init__(self, image: Any) -> None:
        self.content = _take(image)
        self.evidence: dict[str, str] = {}

    def decode(self, *, side: int | None) -> NDArray[np.uint8]:
        """Decode, as `reading.Decode`."""
        content = self.content
        if isinstance(content, Image.Image):
            return decode_opened(content)
        data = read_bytes_at(content) if isinstance(content, str) else content
        self.evidence = read_evidence(data)
        return decode_rgb(data, side=side)


def _take(image: Any) -> str | bytes | Image.Image:
    """Return a path or URL, the bytes of a file, or pixels."""
    if isinstance(image, str | os.PathLike):
        return os.path.expanduser(os.fsdecode(image))  # noqa: PTH111 (a URL is no Path)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, Image.Image):
        return _content_of(image) or image
    if isinstance(image, np.ndarray):
        return _to_pillow(image)
    if hasattr(image, "read") and isinstance(content := image.read(), bytes):
        return content
    raise InputError(f"{str(image)[:80]!r} ({type(image).__name__}) is not {_ACCEPTED}")


def _content_of(image: Image.Image) -> bytes | None:
    """Return the file of an image that is open and not yet decoded: it has the score of the file.

    JPEGs are decoded at a smaller scale where a detector was trained so; pixels have lost that.
    """
    file = getattr(image, "fp", None)
    if file is None or file.closed or image.tell() > 0:
        return None
    position = file.tell()
    file.seek(0)
    data: bytes = file.read()
    file.seek(position)
    return data


def _to_pillow(array: NDArray[Any]) -> Image.Image:
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not is_image or not array.size:
        raise InputError(
            "an array must be uint8, (H, W, 3) in RGB or (H, W), and a batch a list of such: "
            f"list(batch); this is {array.dtype}, {array.shape}"
        )
    return Image.fromarray(array)


def _is_one(images: Any) -> bool:
    if isinstance(images, np.ndarray):
        return images.dtype.kind not in "OUS"
    single = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)
    return isinstance(images, single) or hasattr(images, "read")


def find_folder(location: str | os.PathLike[str]) -> Path:
    """Return the folder of a detector, fetched if it is one of the hub.

    Raises:
        DetectorError: If it cannot be had.
    """
    name = os.fspath(location)
    if (hub := _HUB.fullmatch(name)) is None:
        folder = Path(name).expanduser()
        if fault := _fault_of(name, folder):
            raise DetectorError(f"{name}: {fault}")
        return folder
    try:
        owned, revision = hub.groups()
        return Path(snapshot_download(owned, revision=revision, allow_patterns=_HUB_FILES))
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DetectorError(
            f"{name}: the hub gives no such detector: {reason}; check the name and the network, or "
            "name a folder"
        ) from error


def _fault_of(name: str, folder: Path) -> str | None:
    """Return what is wrong with the name of a folder, if what was meant can be told."""
    if not name:
        return "the name of the detector is empty; is a variable not set?"
    if folder.is_file():
        return f"a file; name the folder of a detector, in which {META} lies"
    if not folder.exists() and re.fullmatch(_OWNED, name):
        return f"no such folder; of the hub it is called hf-hub:{name}"
    below = sorted(folder.glob(f"*/{META}"))
    if below and not (folder / META).exists():
        return f"no detector, but one lies below it: {below[0].parent}"
    return None
