"""The sheets of images in the documents.

Run: python docs/contact_sheets.py demo_faces|forgeries|degradations OUTPUT.png

Without further options faces are drawn; with ``--images FOLDER`` they are yours, and forgeries need
their landmarks, too: ``--landmarks FILE.csv``. All options: ``python docs/contact_sheets.py -h``.
"""

import argparse
import io
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from face_forgery.data.degradation.random_chains import RandomDegradations
from face_forgery.data.images.decoding import read_rgb
from face_forgery.data.images.resizing import eval_transform
from face_forgery.data.loading.rng import seeded_torch
from face_forgery.forgery.making.forger import Forger, Partners, image_rng
from face_forgery.forgery.making.kinds import FORGING_KINDS, Portrait
from face_forgery.forgery.making.landmark_table import coordinate_columns, points_of
from face_forgery.forgery.making.landmarks import complete
from face_forgery.forgery.rendering.demo_set import DRAWN_KINDS, draw_row, forgery_of, plan_row
from face_forgery.forgery.rendering.portraits import draw_portraits

DIALS = (0.0, 0.25, 0.5, 1.0)
TITLE_WIDTH, TITLE_HEIGHT, GAP = 128, 24, 4  # pixels
PAPER, INK = (255, 255, 255), (40, 40, 40)

Pixels = NDArray[np.uint8]  # (H, W, 3), or (H, W) for a mask


def tile_sheet(rows: dict[str, list[Pixels]], titles: Sequence[str], tile: int) -> Image.Image:
    """Draw a titled row of tiles for each entry.

    Args:
        rows: Title of a row -> its images; all rows have as many.
        titles: Of the first columns; empty: none.
        tile: Pixels of a tile's side.
    """
    step, top = tile + GAP, TITLE_HEIGHT if titles else 0
    width = TITLE_WIDTH + step * max(map(len, rows.values()))
    sheet = Image.new("RGB", (width, top + step * len(rows)), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for column, title in enumerate(titles):
        pen.text((TITLE_WIDTH + column * step + 4, 4), title, fill=INK, font=font)
    for row, (title, images) in enumerate(rows.items()):
        y = top + row * step
        pen.text((4, y + tile // 2 - 8), title, fill=INK, font=font)
        for column, pixels in enumerate(images):
            image = Image.fromarray(pixels)
            if image.size != (tile, tile):
                image = image.resize((tile, tile), Image.Resampling.LANCZOS)
            sheet.paste(image, (TITLE_WIDTH + column * step, y))
    return sheet


def demo_faces(options: argparse.Namespace) -> Image.Image:
    """A row for each kind of the drawn set: triples of real image, forgery and mask."""
    rows = {}
    for kind in DRAWN_KINDS:
        plans = (plan_row(options.seed, "train", row) for row in count())
        of_kind = (plan for plan in plans if plan.kind == kind)
        tiles: list[Pixels] = []
        for plan in (next(of_kind) for _ in range(options.triples)):
            partner = plan_row(plan.seed, plan.subset, plan.row ^ 1)
            for one in (partner, plan):
                tiles.append(np.asarray(Image.open(io.BytesIO(draw_row(one, options.tile).jpeg))))
            tiles.append(_as_gray(forgery_of(plan, options.tile).mask))
        rows[kind.replace("_", " ")] = tiles
    return tile_sheet(rows, ("real", "forged", "mask") * options.triples, options.tile)


def forgeries(options: argparse.Namespace) -> Image.Image:
    """A row for each kind of forgery of photographs: triples of original, mask and forgery."""
    number = max(2, options.triples * len(FORGING_KINDS))
    if options.images is None:
        portraits = draw_portraits(number, seed=options.seed)
    else:
        portraits = list(read_portraits(options.images, options.landmarks, number))
    partners = Partners.of([one.landmarks for one in portraits], np.arange(len(portraits)))
    rows = {}
    for row, kind in enumerate(FORGING_KINDS):
        forger, tiles = Forger({kind: 1.0}, options.strength), []
        for column in range(options.triples):
            index = (column + row * options.triples) % len(portraits)
            rng, own = image_rng(options.seed, 0, index), portraits[index]
            lent = partners.draw(index, rng)
            partner = None if lent is None else portraits[lent]
            forgery = forger.forge(own.pixels, own.landmarks, partner, rng)
            tiles += [own.pixels, _as_gray(forgery.mask), forgery.pixels]
        rows[kind.replace("_", " ")] = tiles
    return tile_sheet(rows, ("original", "mask", "forged") * options.triples, options.tile)


def degradations(options: argparse.Namespace) -> Image.Image:
    """A row for each dial of the training's degradations; a column has one image and one chain."""
    if options.images is None:
        found = [one.pixels for one in draw_portraits(options.columns, seed=options.seed)]
    else:
        paths = sorted(path for path in options.images.iterdir() if path.is_file())
        found = [read_rgb(path) for path in paths[: options.columns]]
    resize = eval_transform(options.tile, "bilinear")
    images = [resize(torch.from_numpy(pixels).permute(2, 0, 1)) for pixels in found]
    rows = {}
    for dial in DIALS:
        degrade, tiles = RandomDegradations(dial), []
        for column, image in enumerate(images):
            with seeded_torch(options.seed, column):
                tiles.append(degrade(image).permute(1, 2, 0).numpy())
        rows[f"dial {dial:g}"] = tiles
    return tile_sheet(rows, (), options.tile)


def read_portraits(folder: Path, landmarks: Path, number: int) -> Iterator[Portrait]:
    """Read the first images that a file of landmarks (``img_name,x0,y0,...``) names."""
    table = pd.read_csv(landmarks, nrows=number)
    columns = coordinate_columns(table)
    for name, values in zip(table["img_name"], table[columns].to_numpy(float), strict=True):
        pixels = read_rgb(folder / name)
        yield Portrait(pixels, complete(points_of(values.tolist()), pixels.shape))


def _as_gray(mask: NDArray[np.float32]) -> Pixels:
    return np.rint(mask * 255.0).astype(np.uint8)


SHEETS = {"demo_faces": demo_faces, "forgeries": forgeries, "degradations": degradations}


def main() -> None:
    """Write one sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sheet", choices=list(SHEETS))
    parser.add_argument("output", type=Path, help="a PNG")
    parser.add_argument("--images", type=Path, help="a folder; without it faces are drawn")
    parser.add_argument("--landmarks", type=Path, help="a CSV: img_name,x0,y0,...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strength", type=float, default=1.0, help="of the forgeries' traces")
    parser.add_argument("--triples", type=int, default=3, help="of each kind of forgery")
    parser.add_argument("--columns", type=int, default=7, help="images that are degraded")
    parser.add_argument("--tile", type=int, default=136, help="pixels")
    options = parser.parse_args()
    if options.sheet == "forgeries" and (options.images is None) != (options.landmarks is None):
        parser.error("--images and --landmarks need each other")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    SHEETS[options.sheet](options).quantize(colors=256).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
