"""The images of the page in the documents: both languages, a desktop's and a phone's width.

Run: python docs/page_images.py [OUTPUT_FOLDER]

Serves the detector of a run (``make run`` first), tries the drawn examples in Chromium, and writes
``app.png``, ``app.zh.png`` (1200 pixels wide), ``app_phone.png`` and ``app_phone.zh.png`` (390).
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chromium import Tab, open_tab
from PIL import Image

PORT = 7899
SIZES = {"app": (1200, 1000), "app_phone": (390, 1300)}  # pixels
BUTTON = "[...document.querySelectorAll('button')].find(one => /examples|示例/.test(one.innerText))"
DONE = "document.querySelectorAll('.ff-images figure').length === 4"


def main() -> None:
    """Write the four images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", type=Path, default=Path("docs/images"))
    parser.add_argument("--detector", type=Path, default=Path("data/06_models/detector"))
    options = parser.parse_args()
    with serve(options.detector) as address:
        for ending, language in (("", "en"), (".zh", "zh-CN")):
            with new_folder() as folder, open_tab(address, folder, language=language) as tab:
                for name, image in shoot(tab):
                    image.save(options.output / f"{name}{ending}.png", optimize=True)


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


def shoot(tab: Tab) -> Iterator[tuple[str, Image.Image]]:
    """Try the examples, and yield a name and an image of the page at each width."""
    tab.wait(BUTTON, 120)
    time.sleep(1)  # the language of the browser has come
    tab.run(f"{BUTTON}.click()")
    tab.wait(DONE, 120)
    for name, (width, height) in SIZES.items():
        tab.resize(width, height)
        time.sleep(1)
        whole = Image.open(io.BytesIO(tab.shoot()))
        shown = whole.convert("RGB").crop((0, 0, whole.width, min(height, whole.height)))
        yield name, shown.quantize(256)


if __name__ == "__main__":
    main()
