"""``face-forgery push``: a trained detector to the Hugging Face hub, where others pull it."""

import argparse
import hashlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError
from jinja2 import UndefinedError

import face_forgery as ff
from face_forgery.data.labels.manifest import shorten
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.detector_files import META
from face_forgery.modeling.detector_folder import read_meta
from face_forgery.params.inference import DETECTOR_FOLDER

CARD = "README.md"
CHECKSUMS = "SHA256SUMS"
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
    parser.add_argument("--to", metavar="FOLDER", type=Path, help="write it there, send nothing")
    options = parser.parse_args(arguments)
    name = options.name.removeprefix("hf-hub:")
    if name.count("/") != 1:
        parser.error(f"{shorten(name)!r} is not of the form OWNER/NAME")
    try:
        folder = ff.find_folder(options.detector)
        files = _take_files(folder, name)
    except ff.DetectorError as error:
        sys.exit(f"{error}. Or name another one: --detector FOLDER")
    if options.to is not None:
        try:
            _write(files, options.to)
        except OSError as error:
            sys.exit(f"{options.to}: {error.strerror or error}")
        sys.stdout.write(f"{options.to}\nCheck it: cd {options.to} && sha256sum -c {CHECKSUMS}\n")
        return
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
    judging = ff.Detector.load(folder)  # torch cannot compute each: int8, what was adopted
    if judging.trained.metrics is None:
        raise ff.DetectorError(
            f"{folder / META} holds no metrics, so nobody could tell how good it is: "
            "kedro run --pipelines evaluation"
        )
    files: dict[str, bytes | Path] = {CARD: folder / CARD}
    if not (folder / CARD).is_file():
        files[CARD] = _write_card(judging, judging.trained.metrics, name).encode()
    return files | {path: folder / path for path in _list_files(folder)}


def _write(files: dict[str, bytes | Path], folder: Path) -> None:
    """Write the files and their checksums.

    Raises:
        OSError: If there is something in the folder, or it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(None, "is there and not empty; remove it, or name another folder")
    sums = []
    for path, content in sorted(files.items()):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copyfile(content, target)
        with target.open("rb") as file:
            sums.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path}\n")
    (folder / CHECKSUMS).write_text("".join(sums))


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
            licenses=_list_licenses(judging.trained),
        )
    except (UndefinedError, KeyError) as error:  # metrics of an older release
        raise ff.DetectorError(
            f"{META} lacks what a model card says ({shorten(str(error))}): kedro run --pipelines "
            f"evaluation, or write {CARD} beside it"
        ) from error


def _list_licenses(detector: Detector) -> dict[str, str]:
    """Return what timm says of the weights that training began with, backbone -> licence."""
    found = {}
    for one in getattr(detector, "members", (detector,)):
        began = one.training.get("model", {})
        if began.get("pretrained") or began.get("weights"):
            published = timm.get_pretrained_cfg(one.architecture, allow_unregistered=True)
            found[one.architecture] = (published and published.license) or "not said by timm"
    return found


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
