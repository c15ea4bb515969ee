"""`make clean` removes what a run makes again, and nothing that it cannot."""

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
KEPT = ["data/01_raw/demo/trainset/a.jpg", "data/01_raw/mine/b.jpg", "data/03_primary/.gitkeep"]
KEPT_UNLESS_ALL = ["data/06_models/detector/meta.json", "mlflow.db", "mlruns/1/params"]
REMOVED = ["data/03_primary/manifest.parquet", "data/08_reporting/report.html", "build/log"]


@pytest.mark.parametrize(
    ("options", "kept"), [([], KEPT + KEPT_UNLESS_ALL), (["ALL=1"], KEPT)], ids=["spare", "all"]
)
def test_clean_keeps_what_no_run_makes_again(tmp_path, options, kept):
    shutil.copy(MAKEFILE, tmp_path)
    for name in KEPT + KEPT_UNLESS_ALL + REMOVED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["make", "-s", "clean", *options], cwd=tmp_path, check=True, timeout=60)
    left = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(map(str, left)) == sorted([*kept, "Makefile"])
