"""The files of a detector's folder: their names and limits, read whole and as they were written."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

from face_forgery.limits import MAX_GRAPH_BYTES, MAX_GRAPH_WEIGHTS, MAX_JSON_BYTES
from face_forgery.modeling.detector import DetectorError

CONFIG, WEIGHTS, META = "config.json", "model.safetensors", "meta.json"
MEMBERS = "members"  # only of an ensemble
FACE_MODEL = "face_detector.onnx"  # only where images are cut to their faces
QUANTIZED = ("int8.xml", "int8.bin")  # only where precision is int8
GRAPH = ("network.xml", "network.bin")  # in place of CONFIG and WEIGHTS, of an adopted model
APPEARANCE = "appearance.safetensors"  # only where images may be unfamiliar
_MOST_BYTES = {
    **dict.fromkeys((CONFIG, META, APPEARANCE), MAX_JSON_BYTES),
    **dict.fromkeys((QUANTIZED[0], GRAPH[0]), MAX_GRAPH_BYTES),
    GRAPH[1]: MAX_GRAPH_WEIGHTS,
}
TRAIN_AGAIN = "train again (pipelines training and evaluation) or restore a whole copy"


def read_checked(folder: Path, name: str, sha256: dict[str, str]) -> bytes:
    """Return a file whose content is what ``sha256`` says, by its name; raises as `read_file`."""
    content = read_file(folder / name)
    if sha256.get(name) != hash_content(content):
        raise DetectorError(
            f"{folder / name}: the content is not what {META} says (sha256 "
            f"{hash_content(content)[:12]}..., expected {sha256.get(name, 'none')[:12]}...): "
            f"damaged, or from another detector; {TRAIN_AGAIN}"
        )
    return content


def read_file(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        DetectorError: If it is missing, none, too large for its name, or cannot be read.
    """
    try:
        facts = path.stat()
        # A pipe waits for a writer, a device never ends; a folder is an error by itself.
        if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
            raise DetectorError(f"{path}: not a regular file; {TRAIN_AGAIN}")
        if (most := _MOST_BYTES.get(path.name)) is not None and facts.st_size > most:
            raise DetectorError(
                f"{path}: its {facts.st_size:,} bytes are more than the {most:,} that such a file "
                f"of a detector may have; {TRAIN_AGAIN}"
            )
        with path.open("rb") as file:  # it may grow meanwhile, or have no end
            return file.read(facts.st_size)
    except MemoryError as error:
        raise DetectorError(f"{path}: does not fit into memory; {TRAIN_AGAIN}") from error
    except FileNotFoundError as error:
        raise DetectorError(f"{path} is missing; {TRAIN_AGAIN}") from error
    except OSError as error:
        raise DetectorError(
            f"{path}: the file cannot be read ({error.strerror}); {TRAIN_AGAIN}"
        ) from error


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write values without NaN as JSON for people."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def hash_content(content: bytes) -> str:
    """Return the SHA-256 of ``content``, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
