"""Serve a detector to other programs over HTTP."""

import argparse
import os
import sys

import face_forgery as ff
from face_forgery.params.inference import DETECTOR_FOLDER, MIN_SIZE
from face_forgery.serving.request_limits import BYTES, JSON, LOOPBACK, Limits

_MEGABYTE = 2**20
_HEAD_SECONDS = 10.0
_MARKS, _MARKS_AN_IMAGE = 256, 16  # the longest way to send one, records of objects, takes 5


def main(arguments: list[str] | None = None) -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m face_forgery.serving", description=__doc__)
    parser.add_argument(
        "model",
        nargs="?",
        default=DETECTOR_FOLDER,
        help="a detector's folder (default: %(default)s), hf-hub:OWNER/NAME, or a logged model: "
        "models:/NAME@ALIAS, models:/ID",
    )
    parser.add_argument("--host", default=LOOPBACK[0], help="the address to listen at")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--name", action="append", default=[], help="another name of the server")
    parser.add_argument("--max-megabytes", type=int, default=20, help="of one request")
    parser.add_argument(
        "--max-images", "--max-pictures", type=int, default=64, help="in one request"
    )
    parser.add_argument("--at-once", type=int, default=2, help="requests that are worked on")
    parser.add_argument("--waiting", type=int, default=16, help="further requests; then 503")
    parser.add_argument("--min-size", type=int, help=f"pixels; as logged, or {MIN_SIZE}")
    parser.add_argument("--body-seconds", type=float, default=30, help="for a request to arrive")
    parser.add_argument("--answer-seconds", type=int, default=60, help="for a model; then 504")
    serve(parser.parse_args(arguments))


def serve(options: argparse.Namespace) -> None:
    """Load the model and serve it; ends the program with a message where that is impossible."""
    os.environ["MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"] = str(options.answer_seconds)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reads both when imported
    from mlflow.exceptions import MlflowException

    limits = Limits(
        hosts=(*LOOPBACK, options.host, *options.name),
        max_bytes=options.max_megabytes * _MEGABYTE,
        max_working=options.at_once,
        max_waiting=options.waiting,
        body_seconds=options.body_seconds,
        # Parquet, which MLflow reads, too, unpacks without limit.
        content_types=(JSON, "image/*", BYTES),
        paths=ff.PATHS,
        max_marks=_MARKS + _MARKS_AN_IMAGE * options.max_images,
    )
    try:
        app = ff.build_server(
            options.model,
            limits,
            max_images=options.max_images,
            max_seconds=options.answer_seconds,
            min_size=options.min_size,
        )
    except ff.DetectorError as error:
        sys.exit(f"{error} (kedro run --pipelines NAME,...)")
    except (MlflowException, OSError) as error:
        sys.exit(f"{options.model}: {error}\nIs MLFLOW_TRACKING_URI set to where it was logged?")
    sys.stdout.write(f"Ask http://{options.host}:{options.port}/invocations; Ctrl-C ends.\n")
    sys.stdout.flush()
    ff.run_server(
        app,
        host=options.host,
        port=options.port,
        max_connections=4 * (options.at_once + options.waiting),
        head_seconds=_HEAD_SECONDS,
    )


if __name__ == "__main__":
    main()
