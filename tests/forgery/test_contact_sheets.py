"""The sheets of images in the documents."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "docs/contact_sheets.py"


@pytest.fixture(scope="module")
def sheets():
    spec = importlib.util.spec_from_file_location("contact_sheets", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tiles_stand_in_titled_rows(sheets):
    tiles = [np.full((8, 8, 3), value, np.uint8) for value in (10, 20)]
    sheet = np.asarray(sheets.tile_sheet({"first": tiles, "second": tiles[::-1]}, ("one",), 8))
    left, top = sheets.TITLE_WIDTH, sheets.TITLE_HEIGHT
    assert sheet.shape == (top + 24, left + 24, 3)
    assert (sheet[top : top + 8, left : left + 8] == 10).all()
    assert (sheet[top + 12 : top + 20, left : left + 8] == 20).all()


def write_images(folder, portraits):
    """Write images and a file of their landmarks; return the options that name both."""
    rows = []
    (folder / "own").mkdir()
    for number, portrait in enumerate(portraits):
        Image.fromarray(portrait.pixels).save(folder / "own" / f"{number}.png")
        xy = portrait.landmarks.ravel().tolist()
        names = [f"{axis}{point}" for point in range(68) for axis in "xy"]
        rows.append({"img_name": f"{number}.png", **dict(zip(names, xy, strict=True))})
    pd.DataFrame(rows).to_csv(folder / "points.csv", index=False)
    return ["--images", str(folder / "own"), "--landmarks", str(folder / "points.csv")]


@pytest.mark.parametrize("own", [False, True], ids=["drawn", "own"])
def test_every_sheet_is_drawn(sheets, own, portraits, tmp_path, monkeypatch):
    options = write_images(tmp_path, portraits) if own else []
    for name in sheets.SHEETS:
        output = tmp_path / f"{name}.png"
        command = [str(SCRIPT), name, str(output), "--tile", "64", "--triples", "1", *options]
        monkeypatch.setattr(sys, "argv", command)
        sheets.main()
        assert np.asarray(Image.open(output).convert("RGB")).std() > 20
