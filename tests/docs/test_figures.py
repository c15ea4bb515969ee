"""The images of the documents show the page and the report as they are."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def page_images(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow sets it; parameters read it
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    spec = importlib.util.spec_from_file_location("page_images", DOCS / "page_images.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_image_is_older_than_the_looks_of_what_it_shows(page_images):
    """Stale? `python docs/page_images.py`, and with `--photo`, draw them again."""
    figures = json.loads(page_images.FIGURES.read_text())
    images = {name: looks for name, looks in figures.items() if name.endswith(".png")}
    stale = [name for name, looks in images.items() if looks != page_images.hash_looks()]
    assert not stale
    assert {"app.png", "app.zh.png", "app_phone.png", "hero.png"} <= set(images)
    assert all((page_images.IMAGES / name).exists() for name in images)


def test_the_readme_has_the_result_of_a_run_with_the_parameters_of_today(page_images):
    """Stale? `make run`, then `python docs/page_images.py`."""
    result = json.loads(page_images.FIGURES.read_text())[page_images.RESULT]
    for page in page_images.READMES:
        row = page_images.find_row(page)
        assert row == page_images.fill_row(row, result)
    assert result["parameters"] == page_images.hash_parameters()
