"""The drawn set: which image stands in which row, and drawing rows in parallel."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Literal

import numpy as np

from face_forgery.data.labels.manifest import DRAWN, SUBSETS
from face_forgery.forgery.made_images import MadeImage, make_in_order
from face_forgery.forgery.making.kinds import (
    BORROWING_KINDS,
    Forgery,
    ForgingKind,
    make_forgery,
)
from face_forgery.forgery.rendering.camera import encode_jpeg, expose, sample_camera
from face_forgery.forgery.rendering.face_parameters import Face, light_direction, sample_face
from face_forgery.forgery.rendering.fields import stream, vary
from face_forgery.forgery.rendering.portraits import RenderedFace, render

DRAWN_KINDS: tuple[ForgingKind, ...] = (
    *("face_swap", "reenactment", "talking_face", "attribute_edit"),
)
ROWS_PER_BATCH = 32

# Strong on purpose: a small network learns these traces from 800 images in minutes.
_STRENGTH = 2.0
_MESH = (18.0, 24.0)  # levels, of the red-green mesh that upsampling layers leave

_SAME_OF_PARTNER = (
    *("has_glasses", "scale", "shift", "light_color", "ambient"),
    *("backdrop", "backdrop_colors", "clothes", "scene_seed"),
)

_FACE, _FORGERY, _CAMERA, _ORDER, _KINDS, _NOISE = range(6)  # purposes of random generators


@dataclass(frozen=True)
class RowPlan:
    """What a row of a label file says; follows from seed, subset and row alone."""

    seed: int
    subset: str
    row: int
    img_name: str
    target: int  # 0 = real, 1 = forged
    group: str  # a real image and the forgery made from it
    kind: ForgingKind | Literal["real"]
    source: str = DRAWN


def plan_row(seed: int, subset: str, row: int) -> RowPlan:
    """Say what a row, counted from 0, shows.

    Two rows make a group: a person's real image and the forgery made from it, in random order.
    Four groups have the four kinds of forgery, in random order.
    """
    where = (seed, SUBSETS.index(subset))
    group = row // 2
    forged_first = int(stream(*where, _ORDER, group).integers(2))
    target = (row + forged_first) % 2
    order = stream(*where, _KINDS, group // len(DRAWN_KINDS)).permutation(len(DRAWN_KINDS))
    forgery = DRAWN_KINDS[int(order[group % len(DRAWN_KINDS)])]
    kind: ForgingKind | Literal["real"] = forgery if target else "real"
    digest = hashlib.blake2b(f"{seed}/{subset}/{row}".encode(), digest_size=16).hexdigest()
    return RowPlan(seed, subset, row, f"{digest}.jpg", target, f"{subset}_{group:06d}", kind)


def face_of(plan: RowPlan) -> Face:
    """Return the face of the row's group."""
    return sample_face(_rng(plan, _FACE, plan.row // 2))


def rendered_of(plan: RowPlan, size: int) -> RenderedFace:
    """Return the real image of the row's group before the camera, with its landmarks."""
    return render(face_of(plan), size)


def forgery_of(plan: RowPlan, size: int) -> Forgery:
    """Return the forgery of a forged row (else ``ValueError``), before the camera."""
    if plan.kind == "real":
        raise ValueError(f"row {plan.row} of {plan.subset} is real, not a forgery")
    face = face_of(plan)
    own = render(face, size).portrait
    for attempt in count():
        rng = _rng(plan, _FORGERY, plan.row // 2, attempt)
        partner = None
        if plan.kind in BORROWING_KINDS:
            partner = render(_draw_partner(face, rng), size).portrait
        mesh = rng.uniform(*_MESH)
        forgery = make_forgery(plan.kind, own, partner, rng, _STRENGTH, mesh=mesh)
        if forgery.kind == plan.kind:  # a partner in quite another pose lends no face
            return forgery
    raise AssertionError("attempts do not end")


def draw_row(plan: RowPlan, size: int) -> MadeImage:
    """Draw the image of a row: ``size`` x ``size`` pixels, JPEG.

    Both images of a group come from one camera with the same settings; each has noise of its own.
    """
    pixels = forgery_of(plan, size).pixels if plan.target else rendered_of(plan, size).pixels
    camera = sample_camera(_rng(plan, _CAMERA, plan.row // 2))
    scene = (pixels.astype(np.float32) * np.float32(1.0 / 255.0)).transpose(2, 0, 1)
    taken = expose(scene, camera, _rng(plan, _NOISE, plan.row))
    row = (plan.subset, plan.img_name, plan.target, plan.group, plan.kind, plan.source)
    return MadeImage(*row, encode_jpeg(taken, camera.quality))


def draw_set(
    num_images: dict[str, int], *, size: int, seed: int, num_workers: int
) -> Iterator[list[MadeImage]]:
    """Draw ``num_images`` of each of ``SUBSETS``, in batches, in order; memory stays flat.

    ``size`` is of each side in pixels. With 0 ``num_workers`` the calling process draws; their
    number does not change the images.
    """
    plans = (plan_row(seed, subset, row) for subset in SUBSETS for row in range(num_images[subset]))
    batches = iter(lambda: list(islice(plans, ROWS_PER_BATCH)), [])
    return make_in_order(partial(_draw_batch, size=size), batches, num_workers=num_workers)


def _draw_batch(batch: list[RowPlan], size: int) -> list[MadeImage]:
    return [draw_row(plan, size) for plan in batch]


def _draw_partner(face: Face, rng: np.random.Generator) -> Face:
    """Draw another person in nearly the same pose, with the lamp on the other side."""
    other = sample_face(rng)
    across = -1.0 if face.light[0] > 0 else 1.0
    same = {name: getattr(face, name) for name in _SAME_OF_PARTNER}
    changed = {
        "light": light_direction(across * (0.35 + 0.65 * rng.random()), vary(rng, 0.35, 0.35)),
        "yaw": face.yaw + vary(rng, 0.0, 0.12),
        "pitch": face.pitch + vary(rng, 0.0, 0.08),
        "roll": face.roll + vary(rng, 0.0, 0.10),
    }
    return Face(**vars(other) | same | changed)


def _rng(plan: RowPlan, *keys: int) -> np.random.Generator:
    return stream(plan.seed, SUBSETS.index(plan.subset), *keys)
