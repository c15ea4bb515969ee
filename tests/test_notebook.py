"""The walkthrough runs from its first cell to its last, and ships with what it shows."""

import nbformat
import pytest
from docs.notebooks import CHINESE, CODE_HASH, ENGLISH, code_cells, hash_code
from nbclient import NotebookClient

FEW = {'"train", 400': '"train", 64', '"val", 160': '"val", 64', "EPOCHS = 8": "EPOCHS = 1"}


def execute(changes):
    """Run the notebook with changed sources; return the last validation AUC and the figures."""
    notebook = nbformat.read(ENGLISH, as_version=4)
    cells = code_cells(notebook)
    for old, new in changes.items():
        (cell,) = (cell for cell in cells if old in cell.source)
        cell.source = cell.source.replace(old, new)
    resources = {"metadata": {"path": str(ENGLISH.parent)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in cells for output in cell.outputs]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    figures = [output for output in outputs if "image/jpeg" in output.get("data", {})]
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


@pytest.mark.parametrize("path", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_the_walkthrough_ships_with_the_outputs_of_its_code(path):
    """Stale? `python docs/notebooks.py` runs it again."""
    notebook = nbformat.read(path, as_version=4)
    assert hash_code(notebook) == notebook.metadata[CODE_HASH]
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert all(output["output_type"] != "error" for output in outputs)
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) >= 5
    assert "validation AUC" in "".join(output.get("text", "") for output in outputs)


def test_the_chinese_walkthrough_has_the_code_of_the_english_one():
    english, chinese = (nbformat.read(path, as_version=4) for path in (ENGLISH, CHINESE))
    assert hash_code(english) == hash_code(chinese)
