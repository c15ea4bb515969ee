"""A packed set to a folder of images and label tables, a shard at a time; resumable."""

import csv
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

from face_forgery.data.labels.manifest import CONTROL_CHARACTERS, shorten, show_examples
from face_forgery.data.packed.parquet_shards import read_parquet_shard
from face_forgery.data.packed.samples import PackedError, Sample
from face_forgery.data.packed.tar_shards import read_tar_shard
from face_forgery.limits import MAX_COLUMNS, MAX_PACKED_IMAGE, MAX_PACKED_RATIO, MAX_UNPACKED
from face_forgery.progress import track

_READERS = {".parquet": read_parquet_shard, ".tar": read_tar_shard}
_RECORD, _LABELS, _LEFT_OUT = "unpacked.csv", "metadata.csv", "left_out.csv"
_PARTIAL = ".partial"
_SPLITS = ("train", "validation", "val", "dev", "test")
_SPLIT = re.compile(rf"({'|'.join(_SPLITS)})(?=[-_.]|$)")
_UNSAFE = re.compile(rf"^/|[\\:\ud800-\udfff]|(?:^|/)\.\.?(?:/|$)|//|{CONTROL_CHARACTERS}")
_UNSEEN = re.compile(CONTROL_CHARACTERS)
_MOST_NAME, _MOST_FOLDERS = 200, 20  # bytes of a part of a path; file systems take 255
_MOST_TEXT = 1000  # characters of a value beside an image


@dataclass(frozen=True)
class Unpacked:
    """What became of a shard."""

    shard: str  # relative to the set
    num_bytes: int  # of the shard
    num_samples: int
    num_images: int
    num_labelled: int  # of the images
    left_out: str  # up to three of what was left out, and why

    @property
    def num_left_out(self) -> int:
        """How many samples are no image now."""
        return self.num_samples - self.num_images


_NAMES = [field.name for field in fields(Unpacked)]
_TEXTS = ("shard", "left_out")


def list_shards(source: Path) -> list[Path]:
    """Return the shards of a packed set, which is a folder or one of them.

    Raises:
        PackedError: If there is none.
    """
    found = [source] if source.is_file() else sorted(filter(Path.is_file, source.rglob("*")))
    shards = [path for path in found if path.suffix.lower() in _READERS]
    if not shards:
        there = f"; there are {show_examples(path.name for path in found[:4])}" if found else ""
        raise PackedError(
            f"{source}: no .parquet or .tar{there}. Unpack .tar.gz by gunzip, save .arrow by "
            "Dataset.to_parquet"
        )
    return shards


def unpack_set(source: Path, folder: Path, image: str | None = None) -> Iterator[Unpacked]:
    """Write the images of each shard into a folder of its own below ``folder``, with their labels.

    The layout is that of an image folder: ``train/SHARD/KEY.jpg`` and ``train/SHARD/metadata.csv``.
    Labels stay what they are; what they mean is decided where they are read. ``source`` is a shard
    or a folder of them, ``folder`` new, empty, or from an earlier, stopped call, whose finished
    shards are not read again. ``image`` is the column or the ending of images, where there are
    several.

    Raises:
        PackedError: A shard that cannot be read, that holds no image, or unpacks to more than is
            written; no room for it; files in ``folder`` that are not of this set.
    """
    shards = list_shards(source)
    root = source if source.is_dir() else source.parent
    homes = {path: folder / _home_of(path.relative_to(root).as_posix()) for path in shards}
    if twice := [home for home, number in Counter(homes.values()).items() if number > 1]:
        raise PackedError(f"{source}: several shards would go to {twice[0]}; rename one")
    done = _read_record(folder)
    for path, home in homes.items():
        name, num_bytes = path.relative_to(root).as_posix(), path.stat().st_size
        old = done.get(name)
        if old is None or old.num_bytes != num_bytes or not home.is_dir():
            done[name] = _unpack_shard(path, name, home, image)
            _write_rows(folder / _RECORD, list(map(asdict, done.values())), _NAMES)
        yield done[name]


def _unpack_shard(path: Path, name: str, home: Path, image: str | None) -> Unpacked:
    """Fill a new folder beside ``home``, and put it in its place when it is whole."""
    partial, num_bytes = home.with_name(home.name + _PARTIAL), path.stat().st_size
    for left in (partial, home):
        if left.exists():
            shutil.rmtree(left)
    partial.mkdir(parents=True)
    if shutil.disk_usage(partial).free < num_bytes:
        raise PackedError(f"{home}: no room for the {num_bytes:,} bytes of {path}")
    unpacked = _unpack(path, name, num_bytes, partial, image)
    partial.rename(home)
    return unpacked


def _home_of(shard: str) -> PurePosixPath:
    """Return where the images of a shard go: in a folder of its split, if its name says one."""
    path = PurePosixPath(shard)
    # The hub's own tables of a large set are called partial-train.
    folders = [part.removeprefix("partial-") for part in path.parent.parts]
    split = _SPLIT.match(path.stem.lower())
    is_said = not set(folders).isdisjoint(_SPLITS)
    return PurePosixPath(*folders, split[1] if split and not is_said else "", path.stem)


def _read_record(folder: Path) -> dict[str, Unpacked]:
    """Return what earlier calls have unpacked into a folder; refuse one that is not theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / _RECORD
    if not record.exists():
        if aliens := sorted(path.name for path in folder.iterdir()):
            raise PackedError(
                f"{folder}: it holds {show_examples(aliens)}; name a new or an empty folder"
            )
        _write_rows(record, [], _NAMES)
    with record.open(encoding="utf-8", newline="") as file:
        rows = [
            {k: v if k in _TEXTS else int(v) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]
    return {str(row["shard"]): Unpacked(**row) for row in rows}  # type: ignore[arg-type]


def _unpack(path: Path, name: str, num_bytes: int, home: Path, image: str | None) -> Unpacked:
    labels: list[dict[str, str]] = []
    left: list[dict[str, str]] = []
    num_samples = written = 0
    limit = MAX_UNPACKED + MAX_PACKED_RATIO * num_bytes
    samples = _READERS[path.suffix.lower()](path, image)
    for sample in track(samples, description=f"unpacking {name}", total=None):
        num_samples += 1
        if fault := sample.fault or _write_image(sample, home):
            left.append({"name": shorten(sample.name, 60), "detail": fault})
            continue
        written += len(sample.image)
        if written > limit:
            raise PackedError(f"{path}: {num_bytes:,} bytes that unpack to more than {limit:,}")
        if sample.is_labelled:
            labels.append({**_plain(sample.columns), "file_name": sample.name})
    shown = show_examples(f"{row['name']}: {row['detail']}" for row in left[:4])
    if len(left) == num_samples:
        raise PackedError(f"{path}: none of {num_samples:,} samples is an image: {shown} (--image)")
    _write_labels(path, home, labels)
    if left:
        _write_rows(home / _LEFT_OUT, left, ["name", "detail"])
    return Unpacked(name, num_bytes, num_samples, num_samples - len(left), len(labels), shown)


def _write_labels(path: Path, home: Path, labels: list[dict[str, str]]) -> None:
    names = list(dict.fromkeys(["file_name", *(key for row in labels for key in row)]))
    if len(names) > MAX_COLUMNS:
        raise PackedError(f"{path}: {len(names):,} columns, more than {MAX_COLUMNS:,}")
    if labels:
        _write_rows(home / _LABELS, labels, names)


def _write_image(sample: Sample, home: Path) -> str:
    """Write an image below ``home``, a folder that nobody else writes to; return what is wrong."""
    parts = sample.name.split("/")
    if _UNSAFE.search(sample.name) or len(parts) > _MOST_FOLDERS:
        return "a name that leads out of the folder, or that no file can have"
    if max(len(part.encode()) for part in parts) > _MOST_NAME:
        return f"a name of more than {_MOST_NAME} bytes"
    if len(sample.image) > MAX_PACKED_IMAGE:
        return f"an image of more than {MAX_PACKED_IMAGE:,} bytes"
    file = home / sample.name
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as opened:
            opened.write(sample.image)
    except (FileExistsError, NotADirectoryError):
        return "another image of the shard has its name"
    return ""


def _plain(columns: Mapping[str, str]) -> dict[str, str]:
    """Return columns as a table of one line a row takes them."""
    texts = {
        _plain_text(name): _plain_text(value[:_MOST_TEXT])
        for name, value in columns.items()
        if name != "file_name"
    }
    return {name: text for name, text in texts.items() if name}


def _plain_text(text: str) -> str:
    return " ".join(_UNSEEN.sub(" ", text).encode(errors="replace").decode().split())


def _write_rows(file: Path, rows: Iterable[Mapping[str, object]], names: list[str]) -> None:
    partial = file.with_name(file.name + _PARTIAL)
    with partial.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(file)
