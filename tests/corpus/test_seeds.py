"""Every seed of the fuzz targets, those among them that once found a mistake, goes through."""

import importlib.util
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "fuzz"
SEEDS = sorted(path for path in (FUZZ / "seeds").glob("*/*") if path.is_file())


@pytest.fixture(scope="module")
def checks():
    """Target -> its function ``check``."""
    found = {}
    for path in sorted(FUZZ.glob("*_*.py")):
        spec = importlib.util.spec_from_file_location(f"fuzz_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[path.stem] = module.check
    return found


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_seed_goes_through(checks, seed):
    checks[seed.parent.name](seed.read_bytes())


def test_every_target_has_seeds_and_they_are_small(checks):
    assert {path.parent.name for path in SEEDS} == set(checks)
    assert sum(path.stat().st_size for path in SEEDS) < 100_000
