"""``face-forgery push``: a trained detector to the Hugging Face hub, where others pull it."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError
from jinja2 import UndefinedError

import face_forgery as ff
from face_forgery.data.labels.manifest import shorten
from face_forgery.modeling.detector_files import META
from face_forgery.modeling.detector_folder import read_meta
from face_forgery.params.inference import DETECTOR_FOLDER

CARD = "README.md"
# Of whichever library for HTTP the hub's client has.
_HTTPError: type[Exception] = HfHubHTTPError.__mro__[1]
_REMEDIES = {  # status of the hub's answer -> what to do
    401: "the hub does not know your token; `hf auth login` takes a new one",
    403: "your token needs write access, and you have to belong to {owner}: "
    "https://huggingface.co/settings/tokens",
    404: "is there a user or an organization called {owner}?",
}


def main(arguments: list[str] | None = None) -> None:
    """Say what is sent, send it in one commit, and say how it is pulled."""
    parser = argparse.ArgumentParser(prog="face-forgery push", description=__doc__)
    parser.add_argument("name", metavar="OWNER/NAME", help="of the hub; it is made if need be")
    parser.add_argument("--detector", default=DETECTOR_FOLDER, help="a folder (%(default)s)")
    parser.add_argument("--private", action="store_true", help="for you and OWNER alone")
    options = parser.parse_args(arguments)
    name = options.name.removeprefix("hf-hub:")
    if name.count("/") != 1:
        parser.error(f"{shorten(name)!r} is not of the form OWNER/NAME")
    try:
        folder = ff.find_folder(options.detector)
        files = _take_files(folder, name)
    except ff.DetectorError as error:
        sys.exit(f"{error}. Or name another one: --detector FOLDER")
    if get_token() is None:
        sys.exit("The hub asks who you are: `hf auth login`, or HF_TOKEN in the environment")
    sizes = [f"{path} ({_size(content)})" for path, content in files.items()]
    sys.stderr.write(f"Sends {', '.join(sizes)} to {name}\n")
    try:
        where = _send(files, name, private=options.private)
    except (_HTTPError, OSError, ValueError, RuntimeError) as error:
        sys.exit(f"{name}: {_explain(error, name)}")
    sys.stdout.write(f"{where}\nUse it: face-forgery judge PATH --detector hf-hub:{name}\n")


def _take_files(folder: Path, name: str) -> dict[str, bytes | Path]:
    """Return what is sent, path -> bytes or file, of a detector that is whole and can judge.

    Raises:
        DetectorError: If it is not.
    """
    judging = ff.Detector.load(folder, engine="torch")
    if judging.trained.metrics is None:
        raise ff.DetectorError(
            f"{folder / META} holds no metrics, so nobody could tell how good it is: "
            "kedro run --pipelines evaluation"
        )
    files: dict[str, bytes | Path] = {CARD: folder / CARD}
    if not (folder / CARD).is_file():
        files[CARD] = _write_card(judging, judging.trained.metrics, name).encode()
    return files | {path: folder / path for path in _list_files(folder)}


def _list_files(folder: Path) -> Iterator[str]:
    """Yield the files that the description names, those of members included."""
    yield META
    for path in read_meta(folder).sha256:
        if path.endswith(f"/{META}"):
            below = path.removesuffix(META)
            yield from (f"{below}{one}" for one in _list_files(folder / below))
        else:
            yield path


def _write_card(judging: "ff.Detector", metrics: dict[str, Any], name: str) -> str:
    try:
        return ff.render_model_card(
            hub=name,
            detector=judging.trained,
            metrics=metrics,
            operating_points=asdict(judging.points),
            breakdown=[],
            data_report={"subsets": {}},
            audit=None,
            robustness=None,
        )
    except (UndefinedError, KeyError) as error:  # metrics of an older release
        raise ff.DetectorError(
            f"{META} lacks what a model card says ({shorten(str(error))}): kedro run --pipelines "
            f"evaluation, or write {CARD} beside it"
        ) from error


def _size(content: bytes | Path) -> str:
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} KB"


def _send(files: dict[str, bytes | Path], name: str, *, private: bool) -> str:
    """Send all or nothing; return the address."""
    hub = HfApi(library_name="face_forgery")
    hub.create_repo(name, private=private or None, exist_ok=True)
    if private and not hub.model_info(name).private:
        raise ValueError("is public already; make it private on its page, or leave --private out")
    operations = [
        CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
        for path, content in files.items()
    ]
    sent = hub.create_commit(name, operations, commit_message="Detector of Face Forgery")
    return str(sent.commit_url)


def _explain(error: Exception, name: str) -> str:
    """Return what the hub said, in one line, and what to do."""
    said = getattr(error, "server_message", None) or str(error)
    lines = [line for line in said.splitlines() if line.strip()]
    reason = shorten(lines[0].strip(), 200) if lines else type(error).__name__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        return reason
    remedy = _REMEDIES.get(status, "try again later").format(owner=name.partition("/")[0])
    return f"the hub refuses ({status}: {reason}); {remedy}"
