"""``python -m face_forgery.serving.page``: serve the page on this machine."""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import NoReturn

import face_forgery as ff
from face_forgery.params.inference import DETECTOR_FOLDER, MIN_SIZE


def main(arguments: list[str] | None = None) -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m face_forgery.serving.page", description=__doc__
    )
    parser.add_argument("--detector", type=Path, default=Path(DETECTOR_FOLDER))
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--min-size", type=int, default=MIN_SIZE, help="pixels")
    parser.add_argument(
        "--max-images", "--max-pictures", type=int, default=20, help="judged at once"
    )
    parser.add_argument("--max-megabytes", type=int, default=50, help="of one file")
    parser.add_argument("--open", action="store_true", help="open a browser")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)  # or uploads would stay
    with tempfile.TemporaryDirectory(prefix="face-forgery-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads  # gone with the page
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["GRADIO_RUN_HISTORY"] = "False"  # would keep images in the browser
        os.environ["HF_HUB_OFFLINE"] = "1"
        serve(options)


def serve(options: argparse.Namespace) -> None:
    """Read the detector and serve; ends the program with a message where that is impossible."""
    try:
        detector = ff.Detector.load(options.detector, min_size=options.min_size)
        page = ff.build_page(ff.Judge(detector), max_images=options.max_images)
    except ff.DetectorError as error:
        sys.exit(
            f"{error} (kedro run --pipelines NAME,...)\nOr name another one: --detector FOLDER"
        )
    except ImportError as error:
        sys.exit(f"{error}: the page needs gradio; make setup installs it, or: pip install gradio")
    sys.stdout.write(f"Open http://127.0.0.1:{options.port} in a browser; Ctrl-C ends it.\n")
    sys.stdout.flush()
    try:
        page.launch(
            server_name="127.0.0.1",
            server_port=options.port,
            max_file_size=options.max_megabytes * 2**20,
            inbrowser=options.open,
            prevent_thread_lock=True,
            **ff.launch_options(max_bytes=options.max_images * options.max_megabytes * 2**20),
        )
        # While people choose an image: the first heat map need not wait for it.
        Thread(target=detector.prepare_explanations, daemon=True).start()
        page.block_thread()
    except OSError as error:
        sys.exit(f"{error}\nIs the port taken? Choose another one: --port {options.port + 1}")


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
