"""``face-forgery judge``: verdicts on files, without Kedro and without a project."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pandas as pd

import face_forgery as ff
from face_forgery.data.images.listing import list_images, printable, without_formula
from face_forgery.data.images.remote import is_url
from face_forgery.inference.verdicts import PREDICTION_COLUMNS, Judgement
from face_forgery.params.inference import DETECTOR_FOLDER, MIN_SIZE

_MAX_WIDTH = 60  # characters that the column of names is widened to
_SHOWN = ("source_type", "c2pa")  # of the evidence; --json has all of it


def main(arguments: list[str] | None = None) -> None:
    """Judge and print; the exit status says whether anything could be judged."""
    options = _parse(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("face_forgery.modeling.forward_path").setLevel(logging.ERROR)
    try:
        images = _list(options.paths)
        _check_output(options.output, options.paths)
        detector = ff.Detector.load(options.detector, min_size=options.min_size)
        sys.stderr.write(f"{detector.learnt_from}\n")
        is_any_judged = _report(_judge(detector, images), images, options)
        if options.explain is not None:
            _explain(detector, images, Path(options.explain), options.min_size)
    except ff.InputError as error:
        _end(2, str(error))
    except ff.DetectorError as error:
        _end(2, f"{error}. Or name another one: --detector FOLDER")
    except BrokenPipeError:  # as with `| head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _end(1, f"{error.filename or options.output}: {error.strerror or error}")
    except KeyboardInterrupt:
        _end(130, "interrupted")
    sys.exit(0 if is_any_judged else 1)


def _end(status: int, message: str) -> NoReturn:
    sys.stderr.write(f"face-forgery judge: {message}\n")
    sys.exit(status)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="face-forgery judge",
        description="Judge images: the probability of forgery and a verdict, or why there is none.",
        epilog="Exit status: 0; 1 if no image could be judged; 2 if an argument is wrong.",
    )
    what = "an image, a folder, a pattern in quotes, a table with a column img_name, or a URL"
    parser.add_argument("paths", nargs="+", metavar="PATH", help=what)
    parser.add_argument(
        "--detector", default=DETECTOR_FOLDER, help="a folder or hf-hub:OWNER/NAME (%(default)s)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--output", metavar="FILE.csv", help="also a CSV; -: that alone, to stdout")
    form.add_argument(
        "--json", action="store_true", help="write a JSON object a line, with faces and evidence"
    )
    parser.add_argument("--explain", metavar="FOLDER", help="also a page for each, that says why")
    parser.add_argument("--min-size", type=int, default=MIN_SIZE, help="pixels (%(default)s)")
    return parser.parse_args(arguments)


def _list(paths: list[str]) -> pd.DataFrame:
    """Return what to judge, as `list_images`; of several paths, each under its own."""
    if "" in paths:
        raise ff.InputError("a PATH is empty; is a variable not set?")
    tables = [
        list_images(path if is_url(path) else Path(path).expanduser(), parameter="PATH")
        for path in paths
    ]
    images = pd.concat(tables, ignore_index=True)
    if len(paths) > 1:
        images = images.drop_duplicates("path", ignore_index=True)
        images["img_name"] = [without_formula(printable(path)) for path in images["path"]]
    return images


def _check_output(output: str | None, paths: list[str]) -> None:
    if output is None or output == "-":
        return
    file = Path(output)
    if file.suffix.lower() != ".csv":
        raise ff.InputError(f"{output}: the table is a CSV; call it FILE.csv (--output)")
    if not file.parent.is_dir() or file.is_dir():
        raise ff.InputError(f"{output}: there is no folder for such a file (--output)")
    if file.resolve() in (Path(path).expanduser().resolve() for path in paths):
        raise ff.InputError(f"{output}: this is what is judged; name another file (--output)")


def _judge(detector: ff.Detector, images: pd.DataFrame) -> Iterator[tuple[str, Judgement]]:
    judged = detector.stream(images.loc[images["problem"].isna(), "path"])
    for name, problem in zip(images["img_name"], images["problem"], strict=True):
        is_known = isinstance(problem, str)
        yield name, Judgement(None, None, "unreadable", problem) if is_known else next(judged)


def _report(
    rows: Iterable[tuple[str, Judgement]], images: pd.DataFrame, options: argparse.Namespace
) -> bool:
    """Write rows as they come, then CSV and summary; return whether any image has a score."""
    width = min(int(images["img_name"].str.len().max()), _MAX_WIDTH)
    table: list[tuple[object, ...]] = []
    for name, one in rows:
        table.append((name, one.score, one.verdict, one.status, one.detail))
        if options.json:
            sys.stdout.write(json.dumps({"img_name": name, **one.to_dict()}) + "\n")
        elif options.output != "-":
            sys.stdout.write(_format(name, one, width))
    judged = pd.DataFrame(table, columns=list(PREDICTION_COLUMNS))
    if options.output is not None:
        _write_csv(judged, options.output)
    sys.stdout.flush()
    counts = ff.count_verdicts(judged, unit="images")
    is_file = options.output not in (None, "-")
    is_data = options.json or options.output == "-"
    (sys.stderr if is_data else sys.stdout).write(
        f"{counts}; the table: {options.output}\n" if is_file else f"{counts}\n"
    )
    return bool(judged["y_pred"].notna().any())


def _explain(detector: ff.Detector, images: pd.DataFrame, folder: Path, min_size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    explained = ff.explain_images(detector.trained, images, min_size=min_size)
    for _, page in ff.write_pages(explained, detector.points, detector.learnt_from):
        for name, html in page.files.items():
            (folder / name).write_text(html, encoding="utf-8")
    sys.stderr.write(f"Why: {folder / 'index.html'}\n")


def _format(name: str, one: Judgement, width: int) -> str:
    score = "    -" if one.score is None else f"{one.score:.3f}"
    said = one.verdict or f"{one.status}: {one.detail}"
    claims = [f"{key}: {one.evidence[key]}" for key in _SHOWN if key in one.evidence]
    below = "".join(f"{'':{width}}         the file says {claim}\n" for claim in claims)
    return f"{name:{width}}  {score}  {said}\n{below}"


def _write_csv(table: pd.DataFrame, output: str) -> None:
    if output == "-":
        table.to_csv(sys.stdout, index=False)
        return
    partial = Path(f"{output}.partial")
    table.to_csv(partial, index=False)
    partial.replace(output)
