"""Every seed of the fuzz targets goes through, and so do bytes that look like a label file."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parents[2] / "fuzz"
SEEDS = sorted(path for path in (FUZZ / "seeds").glob("*/*") if path.is_file())

SYNTAX = st.sampled_from(
    [
        *(bytes([byte]) for byte in b"\r\n,;\t \"'\\/.01aN=~\x00\x01\x85\xff"),
        *(b"img_name,target\n", b"a.jpg,0\n", b"\xef\xbb\xbf", b"../", b"\r\n", b'"a\nb"'),
        *(b"group", "\u00e9".encode()),
    ]
)


@pytest.fixture(scope="module")
def checks():
    """Target -> its function ``check``."""
    found = {}
    sys.path.insert(0, str(FUZZ))
    for path in sorted(FUZZ.glob("*_*.py")):
        spec = importlib.util.spec_from_file_location(f"fuzz_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[path.stem] = module.check
    sys.path.remove(str(FUZZ))
    return found


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_seed_goes_through(checks, seed):
    checks[seed.parent.name](seed.read_bytes())


def test_every_target_has_seeds_and_they_are_small(checks):
    assert {path.parent.name for path in SEEDS} == set(checks)
    assert sum(path.stat().st_size for path in SEEDS) < 100_000


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(SYNTAX, max_size=30))
def test_any_bytes_give_a_table_or_an_error_that_names_the_file(checks, parts):
    checks["label_parsing"](b"".join(parts))
