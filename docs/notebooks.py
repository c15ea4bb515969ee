"""Run the walkthrough and keep what it shows: `python docs/notebooks.py`.

The English notebook is run; the Chinese one has the same code and gets the same outputs.
"""

import hashlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ENGLISH = Path(__file__).parents[1] / "notebooks/walkthrough.ipynb"
CHINESE = ENGLISH.with_name("walkthrough.zh-CN.ipynb")
CODE_HASH = "code_sha256"  # in the metadata: of the code that the outputs are from


def code_cells(notebook: Any) -> list[Any]:
    """Return the cells of code, in their order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def hash_code(notebook: Any) -> str:
    """Return the SHA-256 of the code of all cells."""
    return hashlib.sha256("\0".join(c.source for c in code_cells(notebook)).encode()).hexdigest()


def main() -> None:
    """Run the English notebook and write the outputs into both."""
    english, chinese = (nbformat.read(path, as_version=4) for path in (ENGLISH, CHINESE))
    if hash_code(english) != hash_code(chinese):
        raise SystemExit(
            f"{CHINESE.name}: its code is not that of {ENGLISH.name}; make it so first"
        )
    resources = {"metadata": {"path": str(ENGLISH.parent)}}
    NotebookClient(english, timeout=None, kernel_name="python3", resources=resources).execute()
    for cell in code_cells(english):
        cell.metadata.pop("execution", None)  # the times of day
        # Warnings of libraries name folders of the machine.
        cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    for cell, run in zip(code_cells(chinese), code_cells(english), strict=True):
        cell.outputs, cell.execution_count = deepcopy(run.outputs), run.execution_count
    for path, notebook in ((ENGLISH, english), (CHINESE, chinese)):
        notebook.metadata[CODE_HASH] = hash_code(notebook)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
