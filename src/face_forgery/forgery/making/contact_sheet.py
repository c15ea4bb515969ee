"""A picture of every kind of forgery: original, mask and forgery side by side.

Command: ``python -m face_forgery.forgery.making.contact_sheet docs/images/forgeries.png`` with
drawn faces, or with one's own pictures: ``... --pictures FOLDER --landmarks FILE.csv``.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from face_forgery.data.images.decoding import read_rgb
from face_forgery.forgery.making.draw import Forger, Partners, picture_rng
from face_forgery.forgery.making.kinds import FORGING_KINDS, Portrait
from face_forgery.forgery.making.landmark_table import coordinate_columns, points_of
from face_forgery.forgery.making.landmarks import Points, complete, face_size
from face_forgery.forgery.making.warping import Pixels
from face_forgery.forgery.rendering.camera import expose, sample_camera
from face_forgery.forgery.rendering.drawn_face import sample_face
from face_forgery.forgery.rendering.fields import stream
from face_forgery.forgery.rendering.geometry import Landmarks
from face_forgery.forgery.rendering.render import render

_TITLE_WIDTH = 128  # pixels
_TITLE_HEIGHT = 24
_GAP = 4
_PAPER, _INK = (255, 255, 255), (40, 40, 40)
_DRAWN_SIZE = 320  # pixels
_CROP = 2.9  # of the face's size, from its middle to every side


def contact_sheet(
    portraits: Sequence[Portrait], *, triples: int, tile: int, strength: float, seed: int
) -> Image.Image:
    """Draw a row for each kind of forgery; a row holds triples of original, mask and forgery.

    Args:
        portraits: At least two, of different people; each row takes the first ``triples`` anew.
        triples: Forgeries of each kind.
        tile: Pixels of a picture's side.
        strength: Of the traces, as in ``Forger``.
        seed: Of the forgeries.

    Returns:
        An RGB picture; white in a mask is replaced.
    """
    step = tile + _GAP
    width = _TITLE_WIDTH + triples * (3 * step + _GAP)
    sheet = Image.new("RGB", (width, _TITLE_HEIGHT + len(FORGING_KINDS) * step), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    partners = Partners.of([one.landmarks for one in portraits], np.arange(len(portraits)))
    for row, kind in enumerate(FORGING_KINDS):
        top = _TITLE_HEIGHT + row * step
        pen.text((4, top + tile // 2 - 8), kind.replace("_", " "), fill=_INK, font=font)
        forger = Forger({kind: 1.0}, strength)
        for column in range(triples):
            left = _TITLE_WIDTH + column * (3 * step + _GAP)
            index = (column + row * triples) % len(portraits)
            tiles = _triple(portraits, partners, index, forger, seed=seed)
            for place, (title, pixels) in enumerate(tiles.items()):
                if row == 0:
                    pen.text((left + place * step + 4, 4), title, fill=_INK, font=font)
                picture = Image.fromarray(pixels).resize((tile, tile), Image.Resampling.LANCZOS)
                sheet.paste(picture, (left + place * step, top))
    return sheet


def draw_portraits(number: int, *, seed: int) -> list[Portrait]:
    """Draw faces that belong to nobody, with their landmarks."""
    portraits = []
    for index in range(number):
        rng = stream(seed, index)
        picture = render(sample_face(rng), _DRAWN_SIZE)
        pixels = expose(picture.image, sample_camera(rng), rng)
        points = complete(five_of_drawn(picture.landmarks), pixels.shape)
        portraits.append(_crop(Portrait(pixels, points)))
    return portraits


def read_portraits(folder: Path, landmarks: Path, number: int) -> list[Portrait]:
    """Read the first pictures that a file of landmarks names.

    Args:
        folder: What ``img_name`` is relative to.
        landmarks: A CSV, ``img_name,x0,y0,...``, as for ``find_landmarks``.
        number: How many.
    """
    table = pd.read_csv(landmarks, nrows=number)
    columns = coordinate_columns(table)
    portraits = []
    for name, values in zip(table["img_name"], table[columns].to_numpy(float), strict=True):
        pixels = read_rgb(folder / name)
        portraits.append(Portrait(pixels, complete(points_of(values.tolist()), pixels.shape)))
    return portraits


def _crop(portrait: Portrait) -> Portrait:
    """Cut the square around the face, moved to lie within the picture."""
    height, width = portrait.pixels.shape[:2]
    middle = portrait.landmarks.mean(axis=0)
    side = min(round(2 * _CROP * face_size(portrait.landmarks)), height, width)
    left, top = np.clip(np.rint(middle - side / 2), 0, (width - side, height - side)).astype(int)
    pixels = portrait.pixels[top : top + side, left : left + side].copy()
    return Portrait(pixels, portrait.landmarks - (left, top))


def _triple(
    portraits: Sequence[Portrait], partners: Partners, index: int, forger: Forger, *, seed: int
) -> dict[str, Pixels]:
    rng = picture_rng(seed, 0, index)
    lent = partners.draw(index, rng)
    partner = None if lent is None else portraits[lent]
    own = portraits[index]
    forgery = forger.forge(own.pixels, own.landmarks, partner, rng)
    gray = np.rint(forgery.mask * 255.0).astype(np.uint8)
    mask = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB), np.uint8)
    return {"original": own.pixels, "mask": mask, "forged": forgery.pixels}


def five_of_drawn(landmarks: Landmarks) -> Points:
    """Return the five points of a drawn face; there the corner of the picture is at -0.5."""
    points = [
        landmarks.left_eye.mean(axis=0),
        landmarks.right_eye.mean(axis=0),
        landmarks.nose[1],
        landmarks.mouth[0],
        landmarks.mouth[2],
    ]
    return np.stack(points) - 0.5


def main() -> None:
    """Write the contact sheet that ``docs/forging.md`` shows, or one of other pictures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="a PNG")
    parser.add_argument("--pictures", type=Path, help="a folder; without it faces are drawn")
    parser.add_argument("--landmarks", type=Path, help="a CSV: img_name,x0,y0,...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--triples", type=int, default=3)
    parser.add_argument("--tile", type=int, default=136, help="pixels")
    options = parser.parse_args()
    if (options.pictures is None) != (options.landmarks is None):
        parser.error("--pictures and --landmarks need each other")
    number = max(2, options.triples * len(FORGING_KINDS))
    if options.pictures is None:
        portraits = draw_portraits(number, seed=options.seed)
    else:
        portraits = read_portraits(options.pictures, options.landmarks, number)
    sheet = contact_sheet(
        portraits,
        triples=options.triples,
        tile=options.tile,
        strength=options.strength,
        seed=options.seed,
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(colors=256).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
