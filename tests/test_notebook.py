"""The walkthrough runs from its first cell to its last."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

WALKTHROUGH = Path(__file__).parents[1] / "notebooks" / "walkthrough.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed():
    notebook = nbformat.read(WALKTHROUGH, as_version=4)
    resources = {"metadata": {"path": str(WALKTHROUGH.parent)}}
    return NotebookClient(
        notebook, timeout=400, kernel_name="python3", resources=resources
    ).execute()


def test_the_walkthrough_learns_something(executed):
    printed = "".join(
        output["text"]
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream" and output["name"] == "stdout"
    )
    last = printed.split("validation AUC ")[-1]
    assert float(last.split()[0]) > 0.6


def test_the_walkthrough_shows_pictures(executed):
    pictures = [
        output
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 5


def test_the_walkthrough_ships_without_error_outputs():
    notebook = nbformat.read(WALKTHROUGH, as_version=4)
    kinds = {out["output_type"] for cell in notebook.cells for out in cell.get("outputs", [])}
    assert "error" not in kinds
