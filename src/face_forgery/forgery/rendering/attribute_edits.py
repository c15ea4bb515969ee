"""Attributes that an edit changes, each with the part of the face that it repaints."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from face_forgery.forgery.rendering.drawn_face import Face, sample_identity
from face_forgery.forgery.rendering.face_parts import EYES, FOREHEAD, LOWER_FACE, MOUTH, Region

Edit = Callable[[Face, np.random.Generator], Face]


def _change_eye_color(face: Face, rng: np.random.Generator) -> Face:
    other = sample_identity(rng).eye_color
    return replace(face, identity=replace(face.identity, eye_color=other))


def _change_glasses(face: Face, rng: np.random.Generator) -> Face:
    return replace(face, look=replace(face.look, glasses=1.0 - face.look.glasses))


def _change_beard(face: Face, rng: np.random.Generator) -> Face:
    dense = 0.6 + 0.4 * rng.random()
    if face.look.beard:
        dense = 0.0
    return replace(face, look=replace(face.look, beard=dense, mustache=dense))


def _change_age(face: Face, rng: np.random.Generator) -> Face:
    age = face.look.age
    other = age + 0.45 + 0.3 * rng.random() if age < 0.4 else age - 0.35 - 0.3 * rng.random()
    return replace(face, look=replace(face.look, age=min(1.0, max(0.0, other))))


def _change_lips(face: Face, rng: np.random.Generator) -> Face:
    red, green, blue = face.identity.lip_color
    fuller = replace(
        face.identity,
        upper_lip=face.identity.upper_lip * (1.2 + 0.4 * rng.random()),
        lower_lip=face.identity.lower_lip * (1.2 + 0.3 * rng.random()),
        lip_color=(min(1.0, red * 1.1), green * 0.6, blue * (0.6 + 0.5 * rng.random())),
    )
    return replace(face, identity=fuller, look=replace(face.look, makeup=1.0))


EDITS: dict[str, tuple[Edit, Region]] = {
    "eye_color": (_change_eye_color, EYES),
    "glasses": (_change_glasses, EYES),
    "beard": (_change_beard, LOWER_FACE),
    "age_lines": (_change_age, FOREHEAD),
    "lips": (_change_lips, MOUTH),
}
