"""Archives of torch, looked at before torch reads them."""

import pickletools
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from face_forgery.limits import (
    MAX_PICKLE_BYTES,
    MAX_PICKLE_DEPTH,
    MAX_PICKLE_INTEGER,
    MAX_PICKLE_REPEATS,
)

_REBUILDS_TENSORS = re.compile(
    r"collections\.(OrderedDict|Counter)|argparse\.Namespace|(builtins|__builtin__)\.(set|complex)"
    r"|torch\.(Size|device|[a-z]+\d+\w*|bool|[A-Z]\w+Storage)"
    r"|torch\._utils\._rebuild_(tensor_v2|parameter|parameter_with_state)"
    r"|torch\.serialization\._get_layout"
)
_STORAGE = re.compile(r"[^/]*/data/\d+")
_FILLS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD"}
# The end of an archive: 56 bytes for large ones, 20 that say where these are, 22 for all.
_LARGE_END, _LOCATOR, _END = 56, 20, 22


def check_archive(path: Path) -> None:
    """Raise ``ValueError`` on a file that torch has not written as it does since version 1.6.

    An archive stores its records as they are: packed, or laid over one another, a few megabytes
    would become gigabytes. Its pickle may name what rebuilds tensors and nothing else: torch also
    lets it ask for a ``bytearray`` or a tensor of any length, in 30 bytes.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if not _is_read_alike(file, size):
                raise zipfile.BadZipFile
            records = archive.infolist()
            _check_records(records, size)
            pickles = [archive.read(one) for one in records if _is_pickle(one)]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(
            "not an archive of torch; if it is older than torch 1.6 and you trust it, save it "
            "again: torch.save(torch.load(OLD, weights_only=True), NEW)"
        ) from error
    for content in pickles:
        _check_pickle(content)


def _is_read_alike(file: IO[bytes], size: int) -> bool:
    """Tell whether Python and torch find the same directory of records, and no bare pickle first.

    Python looks for it before the end of the archive, torch where the end says it is.
    """
    file.seek(0)
    first = file.read(4)
    file.seek(max(0, size - _END - _LOCATOR - _LARGE_END))
    large, end = file.read()[: -_END - _LOCATOR], size - _END
    file.seek(max(0, end - _LOCATOR))
    locator, last = file.read(_LOCATOR), file.read()
    length, start = (int.from_bytes(last[at : at + 4], "little") for at in (12, 16))
    if locator.startswith(b"PK\6\7"):
        end -= _LOCATOR + _LARGE_END
        length, start = (int.from_bytes(large[at : at + 8], "little") for at in (40, 48))
        if int.from_bytes(locator[8:16], "little") != end or not large.startswith(b"PK\6\6"):
            return False
    return first == b"PK\3\4" and last.startswith(b"PK\5\6") and start + length == end


def _is_pickle(record: zipfile.ZipInfo) -> bool:
    return record.filename.lower().endswith(".pkl")  # torch does not mind the case


def _check_records(records: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum(record.file_size for record in records)
    if unpacked > size:
        raise ValueError(f"its {size:,} bytes would become {unpacked:,}, which torch never writes")
    names = [record.filename for record in records]
    odd = [name for name in names if "/data/" in name and not _STORAGE.fullmatch(name)]
    if odd or len({name.lower() for name in names}) < len(names):
        raise ValueError("two of its records have one name, or names that torch never writes")
    longest = max((one.file_size for one in records if _is_pickle(one)), default=0)
    if longest > MAX_PICKLE_BYTES:
        raise ValueError(f"its pickle has {longest:,} bytes, more than {MAX_PICKLE_BYTES:,}")


@dataclass(slots=True)
class _Value:
    """What a pickle builds: how much it holds, all levels together, and of how many levels."""

    size: int
    depth: int = 0
    is_held: bool = False  # by another value: nothing is added to it from then on

    def hold(self, values: "Iterable[_Value]") -> None:
        """Count what is put into it."""
        for value in values:
            value.is_held = True
            self.size += value.size
            self.depth = max(self.depth, value.depth + 1)
        if self.is_held:
            raise ValueError("its pickle adds to what it has already put elsewhere")
        if self.depth > MAX_PICKLE_DEPTH:
            raise ValueError(f"its pickle is nested more than {MAX_PICKLE_DEPTH} deep")


def _check_pickle(content: bytes) -> None:
    """Raise ``ValueError`` where a pickle asks for more than tensors, or for much by little.

    What was built once can be put into any number of others: 30 lists, each of the one before
    twice, hold a billion. So what is put anew counts with all that it holds.
    """
    stack: list[_Value | None] = []  # None: a mark
    memo: dict[Any, _Value] = {}
    repeated = 0
    for operation, argument, _ in pickletools.genops(content):
        _check_operation(operation.name, argument)
        if operation.name.endswith("PUT"):
            memo[argument] = _top(stack)
        elif operation.name.endswith("GET"):
            stack.append(memo[argument])
            repeated += memo[argument].size
            if repeated > MAX_PICKLE_REPEATS:
                raise ValueError(f"its pickle repeats more than {MAX_PICKLE_REPEATS:,} values")
        elif operation.name == "MARK":
            stack.append(None)
        else:
            values = _take(stack, operation)
            is_filled = operation.name in _FILLS
            value = values.pop(0) if is_filled else _Value(1 + len(str(argument or "")))
            value.hold(values)
            stack.extend([value] * len(operation.stack_after))


def _check_operation(name: str, argument: Any) -> None:
    named = str(argument).replace(" ", ".", 1) if name == "GLOBAL" else name
    if name in ("STACK_GLOBAL", "INST") or (
        name == "GLOBAL" and not _REBUILDS_TENSORS.fullmatch(named)
    ):
        raise ValueError(f"its pickle asks for {named}, which no plain tensor needs")
    # Such integers are made to collide in a dict; a name of a storage ends at NUL.
    if isinstance(argument, int) and abs(argument) > MAX_PICKLE_INTEGER:
        raise ValueError("its pickle has an integer of more than 64 bits")
    if isinstance(argument, str) and "\0" in argument:
        raise ValueError("its pickle has a text with NUL in it")


def _top(stack: list[_Value | None]) -> _Value:
    if not stack or stack[-1] is None:
        raise ValueError("its pickle is damaged")
    return stack[-1]


def _take(stack: list[_Value | None], operation: pickletools.OpcodeInfo) -> list[_Value]:
    """Remove from the stack what an operation takes, down to a mark where it takes one."""
    values: list[_Value] = []
    for kind in reversed(operation.stack_before):
        if kind is pickletools.stackslice:
            while stack and stack[-1] is not None:
                values.append(_top(stack))
                stack.pop()
        elif kind is pickletools.markobject:
            stack.pop()
        else:
            values.append(_top(stack))
            stack.pop()
    return values[::-1]
