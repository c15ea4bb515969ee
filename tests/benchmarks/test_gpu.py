"""benchmarks/gpu.py does what is missing, and nothing twice."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu.py"
PARTS = ["tests", "bench", "nvjpeg", "augmentation", "compile", "fine_tuning"]


@pytest.mark.slow
def test_a_rehearsal_that_ran_out_of_time_goes_on_with_what_is_missing(tmp_path):
    missing = ["augmentation", "fine_tuning"]
    for name in set(PARTS) - set(missing):
        (tmp_path / f"{name}.md").write_text("measured before\n")

    def rehearse(*options):
        command = [sys.executable, str(SCRIPT), str(tmp_path), "--rehearse", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    stopped = rehearse("--minutes", "0")
    assert stopped.returncode == 1
    assert "Not done: augmentation, fine_tuning." in stopped.stderr
    assert rehearse("--minutes", "30").returncode == 0
    texts = {path.stem: path.read_text() for path in tmp_path.iterdir()}
    assert set(texts) == set(PARTS)
    assert [name for name in PARTS if texts[name] != "measured before\n"] == missing
    assert "| test_vit | norm |" in texts["fine_tuning"]
