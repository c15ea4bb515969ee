"""One picture of a drawn set: real pictures, forgeries of each kind and their masks.

Command: ``python -m face_forgery.forgery.rendering.demo_contact_sheet docs/images/demo_faces.png``
"""

import argparse
import io
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from face_forgery.forgery.rendering.demo_set import RowPlan, draw_row, forgery_of, plan_row
from face_forgery.forgery.rendering.rendered_forgeries import FORGERY_KINDS

_TITLE_WIDTH = 128  # pixels
_TITLE_HEIGHT = 24
_GAP = 4
_PAPER, _INK = (255, 255, 255), (40, 40, 40)


def contact_sheet(*, seed: int, triples: int, tile: int) -> Image.Image:
    """Draw a row for each kind of forgery; a row holds triples of real, forged and mask.

    Args:
        seed: Of the set whose first pictures are shown.
        triples: How many of each kind.
        tile: Pixels of a picture's side, at least 64.

    Returns:
        An RGB picture; white in a mask is forged.
    """
    step = tile + _GAP
    width = _TITLE_WIDTH + triples * (3 * step + _GAP)
    sheet = Image.new("RGB", (width, _TITLE_HEIGHT + len(FORGERY_KINDS) * step), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for row, kind in enumerate(FORGERY_KINDS):
        top = _TITLE_HEIGHT + row * step
        pen.text((4, top + tile // 2 - 8), kind.replace("_", " "), fill=_INK, font=font)
        for column, plan in enumerate(_first_of_kind(seed, kind, triples)):
            left = _TITLE_WIDTH + column * (3 * step + _GAP)
            for place, (title, picture) in enumerate(_triple(plan, tile).items()):
                if row == 0:
                    pen.text((left + place * step + 4, 4), title, fill=_INK, font=font)
                sheet.paste(picture, (left + place * step, top))
    return sheet


def _first_of_kind(seed: int, kind: str, number: int) -> list[RowPlan]:
    found: list[RowPlan] = []
    for row in count():
        plan = plan_row(seed, "train", row)
        if plan.kind == kind:
            found.append(plan)
        if len(found) == number:
            return found
    raise AssertionError("rows do not end")


def _triple(plan: RowPlan, size: int) -> dict[str, Image.Image]:
    partner = plan_row(plan.seed, plan.subset, plan.row ^ 1)
    mask = np.round(forgery_of(plan, size).mask * 255.0).astype(np.uint8)
    return {
        "real": Image.open(io.BytesIO(draw_row(partner, size).jpeg)),
        "forged": Image.open(io.BytesIO(draw_row(plan, size).jpeg)),
        "mask": Image.fromarray(mask),
    }


def main() -> None:
    """Write the contact sheet that ``docs/demo_data.md`` shows."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="a PNG")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--triples", type=int, default=3)
    parser.add_argument("--tile", type=int, default=136, help="pixels")
    options = parser.parse_args()
    sheet = contact_sheet(seed=options.seed, triples=options.triples, tile=options.tile)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(colors=256).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
