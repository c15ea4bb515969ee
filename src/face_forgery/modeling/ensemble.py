"""Several detectors as one, whose score is the mean of theirs. Importing this is cheap."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from face_forgery.modeling.detector import Detector, DetectorError
from face_forgery.modeling.provenance import join_training_data
from face_forgery.params import Precision, TTAName

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Ensemble(Detector):
    """Detectors whose calibrated probabilities are averaged, and what was measured of the mean.

    ``architecture`` names those of the members, which are all shown the same image: their
    ``preprocessing`` differs in nothing but the normalization. ``options`` and ``weights`` are
    empty, and ``precision``, ``input`` and ``tta`` say nothing: each member has its own.
    """

    members: tuple[Detector, ...] = field(default=(), repr=False)  # in the order of identities

    def identity(self) -> str:
        """Return 16 hexadecimal digits that follow from the members' and the temperature."""
        identities = sorted(member.identity() for member in self.members)
        described = f"ensemble {self.temperature!r} {' '.join(identities)}"
        return hashlib.sha256(described.encode()).hexdigest()[:16]

    @property
    def num_passes(self) -> int:
        """How many forward passes the score of an image takes, of all members."""
        return sum(member.num_passes for member in self.members)

    def scored_by(self, precision: Precision, tta: TTAName) -> "Ensemble":
        """Return the ensemble itself, with a warning: members were calibrated in their own way."""
        others = sum(member.precision != precision or member.tta != tta for member in self.members)
        if others:
            logger.warning(
                "%d of %d members keep the precision and the TTA that they were evaluated with; "
                "scoring.precision=%s and scoring.tta=%s do not apply to them",
                others,
                len(self.members),
                precision,
                tta,
            )
        return self

    def build_network(self) -> "nn.Module":
        """Return what scores, as for any detector."""
        from face_forgery.modeling.network import EnsembleNetwork

        members = [member.build_network() for member in self.members]
        return EnsembleNetwork(members, self.temperature).eval()


def join_detectors(
    named: Mapping[str, Detector],
    *,
    data_fingerprint: str,
    code_version: dict[str, Any],
    other_data: Literal["refuse", "allow"],
) -> Ensemble:
    """Return detectors, by where they come from, as one that is still to be evaluated.

    ``data_fingerprint`` is of the manifests that it will be evaluated with. Members that were
    trained on another split are refused or, if ``other_data`` allows them, warned about.

    Raises:
        DetectorError: If there are none, one is an ensemble, was not evaluated or counts twice,
            they are shown images in different ways, or were trained on another split.
    """
    _check_members(named)
    check_same_image(named)
    _check_data(named, data_fingerprint, other_data)
    members = tuple(sorted(named.values(), key=lambda member: member.identity()))
    first = members[0]
    counts = Counter(member.architecture for member in members)
    return Ensemble(
        architecture=" + ".join(
            name if count == 1 else f"{count} x {name}" for name, count in sorted(counts.items())
        ),
        options={},
        weights={},
        preprocessing=first.preprocessing,
        epoch=0,
        data_fingerprint=data_fingerprint,
        training_data=join_training_data(member.training_data for member in members),
        code_version=code_version,
        training={"members": [_describe(member) for member in members]},
        faces=first.faces,
        face_model=first.face_model,
        members=members,
    )


def in_float32(detector: Detector) -> Detector:
    """Return the detector, or the ensemble of the same members, computed in float32."""
    if isinstance(detector, Ensemble):
        return replace(detector, members=tuple(map(in_float32, detector.members)))
    if detector.network == "openvino":
        return detector
    return replace(detector, precision="float32", graph=None)


def _describe(member: Detector) -> dict[str, Any]:
    names = ("architecture", "epoch", "data_fingerprint", "training")
    return {"identity": member.identity()} | {name: getattr(member, name) for name in names}


def _check_members(named: Mapping[str, Detector]) -> None:
    if not named:
        raise DetectorError(
            "there is no detector to join; name folders of evaluated ones: "
            "ensemble.members=[data/06_models/members/*]"
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
                "averaged; evaluate it where it was trained (pipeline evaluation)"
            )
        other = by_identity.setdefault(member.identity(), name)
        if other != name:
            raise DetectorError(
                f"{name} and {other} are the same detector, which would count and cost double; "
                "leave one of them out of ensemble.members"
            )


def check_same_image(named: Mapping[str, Detector]) -> None:
    """Raise `DetectorError` where two members are not shown the same image."""
    (first, reference), *others = named.items()
    for name, member in others:
        if _reading_of(member) != _reading_of(reference):
            raise DetectorError(
                f"{name} ({_show_reading(member)}) and {first} ({_show_reading(reference)}) read "
                "images in different ways, and all members of an ensemble are shown the same one; "
                "train them with the same parameters of preprocessing and faces and the same face "
                "detector"
            )


def _reading_of(member: Detector) -> tuple[Any, ...]:
    given, faces = member.preprocessing, member.faces
    settings = None if faces is None else faces.model_dump(exclude={"detector"})
    how = (given.image_size, given.interpolation, given.scaled_decoding)
    return (*how, settings, member.face_model)


def _show_reading(member: Detector) -> str:
    size, interpolation, is_scaled, faces, face_model = _reading_of(member)
    shown = f"{size} pixels, {interpolation}" + (", scaled decoding" if is_scaled else "")
    if faces is None:
        return f"{shown}, whole images"
    settings = ", ".join(f"{name}={value}" for name, value in faces.items())
    digest = hashlib.sha256(face_model or b"").hexdigest()[:8]
    return f"{shown}, faces {settings}, detector {digest}"


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
            "was among theirs, say so: ensemble.other_data=allow"
        )
    logger.warning("%s (ensemble.other_data=allow)", found)
