"""A picture of what training does to pictures: the same chains, weaker and stronger.

Command: ``python -m face_forgery.data.loading.degradation_sheet docs/images/degradations.png``
with the drawn faces of the demo set, or with one's own: ``... --pictures FOLDER``.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face_forgery.data.images.decoding import read_rgb
from face_forgery.data.loading.random_degradations import RandomDegradations
from face_forgery.data.loading.rng import seeded_torch
from face_forgery.data.loading.transforms import eval_transform

_DEMO = Path("data/01_raw/demo/trainset")
_TITLE_WIDTH = 84  # pixels
_GAP = 4
_PAPER, _INK = (255, 255, 255), (40, 40, 40)


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]], *, dials: Sequence[float], tile: int, seed: int
) -> Image.Image:
    """Draw a row for each dial; a column has one picture and one chain, ever stronger.

    Args:
        pictures: ``(H, W, 3)`` each.
        dials: 0 to 1.
        tile: Pixels that pictures are brought to first, as training does.
        seed: Of the chains.

    Returns:
        An RGB picture.
    """
    step = tile + _GAP
    sheet = Image.new("RGB", (_TITLE_WIDTH + len(pictures) * step, len(dials) * step), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    resize = eval_transform(tile, "bilinear")
    small = [resize(torch.from_numpy(pixels).permute(2, 0, 1)) for pixels in pictures]
    for row, dial in enumerate(dials):
        pen.text((4, row * step + tile // 2 - 8), f"dial {dial:g}", fill=_INK, font=font)
        degrade = RandomDegradations(dial)
        for column, image in enumerate(small):
            with seeded_torch(seed, column):
                degraded = degrade(image)
            picture = Image.fromarray(degraded.permute(1, 2, 0).numpy())
            sheet.paste(picture, (_TITLE_WIDTH + column * step, row * step))
    return sheet


def main() -> None:
    """Write the contact sheet that ``docs/training.md`` shows, or one of other pictures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("output", type=Path, help="a PNG")
    parser.add_argument("--pictures", type=Path, default=_DEMO, help="a folder")
    parser.add_argument("--columns", type=int, default=7)
    parser.add_argument("--tile", type=int, default=128, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    paths = sorted(path for path in options.pictures.iterdir() if path.is_file())
    pictures = [read_rgb(path) for path in paths[: options.columns]]
    dials = (0.0, 0.25, 0.5, 1.0)
    sheet = contact_sheet(pictures, dials=dials, tile=options.tile, seed=options.seed)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(colors=256).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
