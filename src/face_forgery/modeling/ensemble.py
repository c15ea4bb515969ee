"""Several detectors as one, whose score is the mean of theirs. Importing this is cheap."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from face_forgery.modeling.detector import Detector, DetectorError, Preprocessing
from face_forgery.params import ViewName

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Ensemble(Detector):
    """Detectors whose calibrated probabilities are averaged, and what was measured of the mean.

    It is used as any detector is. ``architecture`` names those of the members, ``preprocessing``
    is that of the largest input; ``options`` and ``weights`` are empty, and ``precision``,
    ``input`` and ``views`` say nothing: each member has its own.

    Attributes:
        members: Evaluated detectors, in the order of their identities.
    """

    members: tuple[Detector, ...] = field(default=(), repr=False)

    def identity(self) -> str:
        """Return 16 hexadecimal digits that follow from the members' and the temperature."""
        identities = sorted(member.identity() for member in self.members)
        described = f"ensemble {self.temperature!r} {' '.join(identities)}"
        return hashlib.sha256(described.encode()).hexdigest()[:16]

    @property
    def inputs(self) -> tuple[Preprocessing, ...]:
        """The ways in which a picture is read, each once, as many as the members need."""
        found: dict[tuple[Any, ...], Preprocessing] = {}
        for member in self.members:
            found.setdefault(_way_of_reading(member.preprocessing), member.preprocessing)
        return tuple(found.values())

    @property
    def num_passes(self) -> int:
        """How many forward passes the score of a picture takes, of all members."""
        return sum(member.num_passes for member in self.members)

    def scored_by(
        self, precision: Literal["float32", "bfloat16"], views: tuple[ViewName, ...]
    ) -> "Ensemble":
        """Return the ensemble itself: its members were calibrated in their own way.

        A warning says so where that is another one.
        """
        others = sum(
            member.precision != precision or set(member.views) != set(views)
            for member in self.members
        )
        if others:
            logger.warning(
                "%d of %d members keep the precision and the views that they were evaluated with; "
                "scoring.precision=%s and scoring.views=%s do not apply to them",
                others,
                len(self.members),
                precision,
                "+".join(views),
            )
        return self

    def build_network(self) -> "nn.Module":
        """Return what scores: a batch of what `packing.pack` gives, to logits ``(B, 2)``.

        Raises:
            DetectorError: If the weights of a member do not fit its architecture.
        """
        from face_forgery.modeling.ensemble_network import EnsembleNetwork

        ways = [_way_of_reading(given) for given in self.inputs]
        return EnsembleNetwork(
            [member.build_network() for member in self.members],
            [given.image_size for given in self.inputs],
            [ways.index(_way_of_reading(member.preprocessing)) for member in self.members],
            self.temperature,
        ).eval()


def join_detectors(
    named: Mapping[str, Detector],
    *,
    data_fingerprint: str,
    code_version: dict[str, Any],
    other_data: Literal["refuse", "allow"],
) -> Ensemble:
    """Return detectors as one that is still to be evaluated.

    Args:
        named: Where each comes from, and the detector. Their order counts for nothing.
        data_fingerprint: Of the manifests that the ensemble will be evaluated with.
        code_version: Which code joins them.
        other_data: What to do with members that were trained on another split: ``allow`` warns.

    Raises:
        DetectorError: If there are none, one is an ensemble, was not evaluated or counts twice,
            they look for faces in different ways, or were trained on another split.
    """
    _check_members(named)
    _check_faces(named)
    _check_data(named, data_fingerprint, other_data)
    members = tuple(sorted(named.values(), key=lambda member: member.identity()))
    largest = max(members, key=lambda member: member.preprocessing.image_size)
    counts = Counter(member.architecture for member in members)
    return Ensemble(
        architecture=" + ".join(
            name if count == 1 else f"{count} x {name}" for name, count in sorted(counts.items())
        ),
        options={},
        weights={},
        preprocessing=largest.preprocessing,
        epoch=0,
        data_fingerprint=data_fingerprint,
        code_version=code_version,
        training={"members": [_describe(member) for member in members]},
        faces=largest.faces,
        face_model=largest.face_model,
        members=members,
    )


def in_float32(detector: Detector) -> Detector:
    """Return the detector, or the ensemble of the same members, computed in float32."""
    if isinstance(detector, Ensemble):
        members = tuple(replace(member, precision="float32") for member in detector.members)
        return replace(detector, members=members)
    return replace(detector, precision="float32")


def _way_of_reading(given: Preprocessing) -> tuple[Any, ...]:
    return given.image_size, given.interpolation, given.scaled_decoding


def _describe(member: Detector) -> dict[str, Any]:
    return {
        "identity": member.identity(),
        "architecture": member.architecture,
        "epoch": member.epoch,
        "data_fingerprint": member.data_fingerprint,
        "training": member.training,
    }


def _check_members(named: Mapping[str, Detector]) -> None:
    if not named:
        raise DetectorError(
            "there is no detector to join; name folders of evaluated ones: ensemble.members in "
            "conf/local/parameters.yml, or --params 'ensemble.members=[data/06_models/members/*]'"
        )
    by_identity: dict[str, str] = {}
    for name, member in named.items():
        if isinstance(member, Ensemble):
            raise DetectorError(
                f"{name} is an ensemble itself; name its members instead: {name}/members/*"
            )
        if member.operating_points is None:
            raise DetectorError(
                f"{name} was not evaluated, so its scores are not calibrated and cannot be "
                "averaged; evaluate it where it was trained: kedro run --pipelines evaluation"
            )
        other = by_identity.setdefault(member.identity(), name)
        if other != name:
            raise DetectorError(
                f"{name} and {other} are the same detector, which would count and cost double; "
                "leave one of them out of ensemble.members"
            )


def _check_faces(named: Mapping[str, Detector]) -> None:
    (first, reference), *others = named.items()
    for name, member in others:
        if _faces_of(member) != _faces_of(reference):
            raise DetectorError(
                f"{name} ({_show_faces(member)}) and {first} ({_show_faces(reference)}) are shown "
                "different parts of a picture, so their scores are about different things; train "
                "them with the same parameters of faces and the same face detector"
            )


def _faces_of(member: Detector) -> Any:
    faces = None if member.faces is None else member.faces.model_dump(exclude={"detector"})
    return faces, member.face_model


def _show_faces(member: Detector) -> str:
    if member.faces is None:
        return "pictures whole"
    settings = member.faces.model_dump(exclude={"detector"})
    model = hashlib.sha256(member.face_model or b"").hexdigest()[:8]
    return "faces " + ", ".join(f"{k}={v}" for k, v in settings.items()) + f", detector {model}"


def _check_data(
    named: Mapping[str, Detector], fingerprint: str, other_data: Literal["refuse", "allow"]
) -> None:
    foreign = {
        name: member.data_fingerprint[:8]
        for name, member in named.items()
        if member.data_fingerprint != fingerprint
    }
    if not foreign:
        return
    shown = ", ".join(f"{name} ({digits}...)" for name, digits in foreign.items())
    found = (
        f"{len(foreign)} of {len(named)} members were trained and selected on another split than "
        f"the present one ({fingerprint[:8]}...): {shown}. They may have been trained on images "
        "that the ensemble is calibrated and measured on, and then look better than they are"
    )
    if other_data == "refuse":
        raise DetectorError(
            f"{found}. Train all members on one split, or, if you know that no validation image "
            "was among theirs, say so: --params ensemble.other_data=allow"
        )
    logger.warning("%s (ensemble.other_data=allow)", found)
