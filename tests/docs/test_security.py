"""`docs/security.md` names tests that exist, and the limits that the library has."""

import re
from pathlib import Path

import pytest

from face_forgery import limits

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/security.md").read_text(encoding="utf-8")
# `file.py` (words of its tests, or of its cases)
NAMED = re.findall(r"`((?:\w+/)*\w+\.py)`(?: \(([^()]+)\))?", PAGE)


@pytest.mark.parametrize(("name", "words"), NAMED)
def test_a_promise_names_a_test_that_exists(name, words):
    root = TESTS.parent if name.startswith(("src/", "fuzz/", "benchmarks/")) else TESTS
    if name.startswith("face_forgery/"):
        root = TESTS.parent / "src"
    text = " ".join((root / name).read_text(encoding="utf-8").replace("_", " ").lower().split())
    for phrase in filter(None, words.split(", ")):
        assert phrase.lower() in text, f"{name} has no test with the words {phrase!r}"


@pytest.mark.parametrize("name", [name for name in vars(limits) if name.isupper()])
def test_a_limit_stands_in_the_table_with_its_value(name):
    value = getattr(limits, name)
    shown = f"{value:,}" if isinstance(value, int) else value
    (row,) = (line for line in PAGE.splitlines() if f"`{name}`" in line)
    assert shown in row, f"{name} is {shown}"
