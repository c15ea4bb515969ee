"""What a user names for a run: found, read and not written over, before any node runs."""

import glob
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

import face_forgery as ff
from face_forgery.data.images.remote import is_url
from face_forgery.data.labels.locations import check_sources
from face_forgery.data.labels.manifest import SUBSETS
from face_forgery.data.labels.readers import LabelFile
from face_forgery.params import ParameterError, Parameters
from face_forgery.params.data import LabelSet

logger = logging.getLogger(__name__)

_READ_BY_INGESTION = {f"{s}_{what}" for s in SUBSETS for what in ("labels", "images")}
_TRAIN_FILES = ("train_labels", "train_images")
_READ_BY_INGESTION |= {"layout", "sets"}
# Input of a run -> the parameter that says where it is.
_READS = {
    **{f"{subset}_labels": f"data.{subset}_labels" for subset in SUBSETS},
    "manifest": "data.train_images",
    "images": "inference.images",
    "videos": "video.videos",
    "landmark_file": "forging.landmarks",
    "face_model": "faces.detector",
    "score_sets": "comparison.scores",
    "labelled_sets": "testing.sets",
    "params:adopt": "adopt.model",
    "video_sets": "sampling.sets",
}


class OverwriteError(ValueError):
    """A run would write over what it reads, or into a folder whose files it reads."""


def check_labels(
    pipeline: Pipeline, catalog: CatalogProtocol[Any, Any], params: Parameters
) -> None:
    """Refuse a run whose label files or image folders are missing or faulty.

    The node that reads them would say the same, but after half a minute of imports.
    """
    if "train_labels" not in pipeline.inputs():
        return
    check_sources(params.data)
    loaded = {subset: catalog.load(f"{subset}_labels") for subset in SUBSETS}
    files = {name: source for name, source in loaded.items() if isinstance(source, LabelFile)}
    logging.disable(logging.WARNING)  # the node says it
    try:
        if files:
            ff.read_labels(files, params.data, params.ingestion)
    finally:
        logging.disable(logging.NOTSET)


def check_testing_sets(
    names: Sequence[str], catalog: CatalogProtocol[Any, Any], params: Parameters
) -> None:
    """Refuse a run that names the pipeline testing where there is no set to test on.

    In the main job, where nobody asks for it, nothing is tested then.
    """
    if "testing" in names:
        sources = catalog.load("labelled_sets")
        ff.refuse_no_sets(ff.list_sets(sources, params.testing, params.data, params.ingestion))


def refuse_ignored(
    run_params: Mapping[str, Any], pipeline: Pipeline, sets: Sequence[LabelSet] = ()
) -> None:
    """Refuse ``data.*`` of this command that none of its nodes would look at; warn of others.

    Raises:
        ParameterError: With the command that reads them; or ``sets`` take their place.
    """
    sections = run_params.get("runtime_params") or {}
    inputs = pipeline.inputs()
    located = {name.partition(".")[0] for entry, name in _READS.items() if entry in inputs}
    for section in sections.keys() - located - {"tracking"}:
        if f"params:{section}" not in inputs:
            logger.warning("%s.* changes nothing here: no pipeline of this run reads it", section)
    given = sections.get("data", {})
    if sets and (beside := [f"data.{n}={given[n]}" for n in _TRAIN_FILES if given.get(n)]):
        raise ParameterError(
            f"{' and '.join(beside)} would be ignored: the {len(sets)} set(s) of data.sets take "
            "the place; leave it out, or give data.sets=[]"
        )
    ignored = {name: given[name] for name in given if name in _READ_BY_INGESTION}
    if "params:splitting" in inputs:  # it asks whether there are val labels
        ignored = {name: value for name, value in ignored.items() if value is not None}
    if "labelled_sets" in inputs:
        ignored = {name: value for name, value in ignored.items() if not name.startswith("test_")}
    if not ignored or {"train_labels", "label_table"} & inputs:
        return
    names = [name for name in run_params.get("pipeline_names") or [] if name != "splitting"]
    if "evaluation" in names and not {"training", "adopt"} & {*names}:
        names.insert(names.index("evaluation"), "training")
    shown = ",".join(f"data.{name}={'null' if v is None else v}" for name, v in ignored.items())
    raise ParameterError(
        f"{shown} would be ignored: only the pipeline ingestion reads it, and the others go by "
        "what was ingested last. Begin with it: kedro run --pipelines "
        f"{','.join(['ingestion', 'splitting', *names])} --params {shown} (other images are judged "
        "without training by --pipelines inference --params inference.images=FOLDER)"
    )


def refuse_overwriting(pipeline: Pipeline, params: Parameters, outputs: list[str]) -> None:
    """Refuse a run that would write over a file that a parameter names as an input.

    ``outputs`` are the files and folders that it writes, resolved.

    Raises:
        OverwriteError: With the parameter, and what would be written.
    """
    for entry, parameter in _READS.items():
        if entry not in pipeline.inputs():
            continue
        for location in _locations(parameter, params):
            for output in (*outputs, *(f for out in outputs if (f := _faces_beside(out)))):
                if fault := _clash(location, output):
                    raise OverwriteError(
                        f"{parameter}={location} is read, and {output} would be written: {fault}; "
                        "name another output, or another input"
                    )


def _locations(parameter: str, params: Parameters) -> Iterator[str]:
    section, _, name = parameter.partition(".")
    value = getattr(getattr(params, section), name)
    if parameter in ("testing.sets", "sampling.sets"):
        value = dict(enumerate(where for one in value for where in (one.labels, one.images)))
    for location in value.values() if isinstance(value, Mapping) else [value]:
        if location is not None:
            is_whole = section != "data" or is_url(location)
            yield str(location) if is_whole else str(Path(params.data.root, location))


def _faces_beside(output: str) -> str | None:
    """Return the table of faces that is written beside a table of verdicts."""
    path, suffix = os.path.splitext(output)  # noqa: PTH122
    return f"{path}_faces.csv" if suffix.lower() in (".csv", ".parquet", ".jsonl") else None


def _clash(location: str, output: str) -> str | None:
    if is_url(location) or is_url(output):
        folder = location.rstrip("/")
        if output == folder:
            return "they are the same"
        return "it lies within" if output.startswith(f"{folder}/") else None
    real = os.path.realpath(location)
    is_there = os.path.exists(real) and os.path.exists(output)  # noqa: PTH110
    if output == real or (is_there and os.path.samefile(real, output)):  # noqa: PTH121
        return "they are the same"
    if os.path.isdir(real) and output.startswith(real.rstrip(os.sep) + os.sep):  # noqa: PTH112
        return "it lies within"
    is_match = glob.has_magic(location) and not os.path.exists(real) and fnmatch(output, real)  # noqa: PTH110
    return "it matches" if is_match else None
