"""The images and numbers of the README.

Run: python docs/page_images.py [--photo PHOTO]

Serves the detector of a run (``make run`` first), tries the drawn examples in Chromium, and writes
``app.png``, ``app.zh.png`` (1200 pixels wide), ``app_phone.png`` and ``app_phone.zh.png`` (390).
Both READMEs get that run's row of results. With ``--photo`` it writes ``hero.png`` instead: a
photograph on the page beside the report. ``figures.json`` keeps what all this was made from; a test
asks for new ones when that has changed.
"""

import argparse
import hashlib
import io
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from chromium import Tab, open_tab
from PIL import Image

from face_forgery.config_loader import read_parameters

PROJECT = Path(__file__).parents[1]
IMAGES = PROJECT / "docs/images"
FIGURES = IMAGES / "figures.json"
LOOKS = ("serving/page/*.css", "serving/page/*.jinja", "evaluation/reporting/report.html.jinja")
PORT = 7899
SIZES = {"app": (1200, 1000), "app_phone": (390, 1300)}  # pixels
BUTTON = "[...document.querySelectorAll('button')].find(one => /examples|示例/.test(one.innerText))"
DONE = "document.querySelectorAll('.ff-images figure').length"
HERO = (800, 900)  # pixels of each half
RESULT = "result"  # in figures.json
READMES = (PROJECT / "README.md", PROJECT / "README.zh-CN.md")


def main() -> None:
    """Write the images of the page, or that of a photograph."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", type=Path, default=PROJECT / "data/06_models/detector")
    parser.add_argument("--report", type=Path, default=PROJECT / "data/08_reporting/report.html")
    parser.add_argument("--photo", type=Path)
    options = parser.parse_args()
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    with serve(options.detector) as address:
        if options.photo is not None:
            images = {"hero": draw_hero(address, options.photo, options.report)}
        else:
            images = {
                f"{name}{ending}": image
                for ending, language in (("", "en"), (".zh", "zh-CN"))
                for name, image in shoot_examples(address, language)
            }
            figures[RESULT] = read_result(options.detector.parents[1])
    for name, image in images.items():
        image.quantize(256).save(IMAGES / f"{name}.png", optimize=True)
        figures[f"{name}.png"] = hash_looks()
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    for page in READMES:
        text, row = page.read_text(encoding="utf-8"), find_row(page)
        page.write_text(text.replace(row, fill_row(row, figures[RESULT])), encoding="utf-8")


def read_result(data: Path) -> dict[str, Any]:
    """Return what the README says of a run, from its folder ``data`` and the tracked run."""
    auc = json.loads((data / "08_reporting/metrics.json").read_text())["auc"]
    meta = json.loads((data / "06_models/detector/meta.json").read_text())
    with closing(sqlite3.connect(data.parent / "mlflow.db")) as store:
        query = "SELECT (end_time - start_time) / 60000.0 FROM runs ORDER BY end_time DESC"
        (minutes,) = store.execute(query).fetchone()
    return {
        "auc": auc["value"],
        "low": auc["low"],
        "high": auc["high"],
        "minutes": round(minutes),
        "commit": meta["code_version"]["git_commit"][:7],
        "parameters": hash_parameters(),
    }


def find_row(page: Path) -> str:
    """Return the line of ``make run`` in a README's table of results."""
    lines = page.read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if "| `make run` |" in line]
    return row


def fill_row(row: str, result: dict[str, Any]) -> str:
    """Return the line with the AUC and the time of ``result`` in its last two cells."""
    cells = row.split("|")
    cells[-3] = " {auc:.3f} ({low:.3f} to {high:.3f}) ".format(**result)
    cells[-2] = " {minutes} min, commit `{commit}` ".format(**result)
    return "|".join(cells)


def hash_parameters() -> str:
    """Return the SHA-256 of the parameters of ``make run``."""
    values = json.dumps(read_parameters(PROJECT / "conf", "demo"), sort_keys=True)
    return hashlib.sha256(values.encode()).hexdigest()


def hash_looks() -> str:
    """Return the SHA-256 of what gives page and report their looks."""
    source = PROJECT / "src/face_forgery"
    files = sorted(path for pattern in LOOKS for path in source.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@contextmanager
def new_folder() -> Iterator[Path]:
    """Make a folder that goes when Chromium has."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def serve(detector: Path) -> Iterator[str]:
    """Serve the page; return its address."""
    command = [sys.executable, "-m", "face_forgery.serving.page", "--port", str(PORT)]
    page = subprocess.Popen([*command, "--detector", str(detector)])
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        page.terminate()
        page.wait(20)


def shoot_examples(address: str, language: str) -> Iterator[tuple[str, Image.Image]]:
    """Try the examples, and yield a name and an image of the page at each width."""
    with new_folder() as folder, open_tab(address, folder, language=language) as tab:
        tab.wait(BUTTON, 120)
        time.sleep(1)  # the language of the browser has come
        tab.run(f"{BUTTON}.click()")
        tab.wait(f"{DONE} === 4", 120)
        for name, size in SIZES.items():
            yield name, shoot(tab, size)


def draw_hero(address: str, photo: Path, report: Path) -> Image.Image:
    """Return a photograph on the page, beside the head of a report."""
    hero = Image.new("RGB", (2 * HERO[0], HERO[1]), "white")
    with new_folder() as folder, open_tab(address, folder) as tab:
        tab.wait("document.querySelector('input[type=file]')", 120)
        time.sleep(1)
        tab.drop(photo.resolve())
        tab.wait(f"{DONE} === 1", 120)
        hero.paste(shoot(tab, HERO), (0, 0))
    with new_folder() as folder, open_tab(report.resolve().as_uri(), folder) as tab:
        tab.wait("document.readyState === 'complete'")
        hero.paste(shoot(tab, HERO), (HERO[0], 0))
    return hero


def shoot(tab: Tab, size: tuple[int, int]) -> Image.Image:
    """Return the upper part of what a tab shows."""
    tab.resize(*size)
    time.sleep(1)
    whole = Image.open(io.BytesIO(tab.shoot())).convert("RGB")
    return whole.crop((0, 0, whole.width, min(size[1], whole.height)))


if __name__ == "__main__":
    main()
