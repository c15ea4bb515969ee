"""The walkthrough runs from its first cell to its last."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

WALKTHROUGH = Path(__file__).parents[1] / "notebooks" / "walkthrough.ipynb"
FEW = {'"train", 400': '"train", 64', '"val", 160': '"val", 64', "EPOCHS = 8": "EPOCHS = 1"}


def execute(changes):
    """Run the notebook with changed sources; return the last validation AUC and the figures."""
    notebook = nbformat.read(WALKTHROUGH, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for old, new in changes.items():
        (cell,) = (cell for cell in cells if old in cell.source)
        cell.source = cell.source.replace(old, new)
    resources = {"metadata": {"path": str(WALKTHROUGH.parent)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in cells for output in cell.outputs]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    return float(printed.split("validation AUC ")[-1].split()[0]), figures


@pytest.mark.slow
def test_the_walkthrough_runs_on_few_images_and_shows_figures():
    auc, figures = execute(FEW)
    assert 0 <= auc <= 1
    assert len(figures) >= 5


@pytest.mark.long
def test_the_walkthrough_learns_something():
    auc, _ = execute({})
    assert auc > 0.6


def test_the_walkthrough_ships_without_error_outputs():
    notebook = nbformat.read(WALKTHROUGH, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error"
