"""Kedro-Viz shows every node, every dataset in its layer, and what is in the files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from PIL import Image

from face_forgery.config_loader import ProjectConfigLoader
from face_forgery.pipeline_registry import register_pipelines
from face_forgery.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
LAYERS = [
    "01_raw",
    "02_intermediate",
    "03_primary",
    "04_feature",
    "05_model_input",
    "06_models",
    "07_model_output",
    "08_reporting",
]
PREVIEWS = {
    ".parquet": "TablePreview",
    ".csv": "TablePreview",
    ".json": "JSONPreview",
    ".png": "ImagePreview",
}
TABLE = pd.DataFrame({"img_name": ["a.jpg", "b.jpg"], "y_pred": [0.1, 0.9]})


def file_of(entry):
    return Path(str(entry.get("dataset", entry).get("filepath")))


def shows_a_preview(entry):
    shown = entry["metadata"]["kedro-viz"].get("preview", True)
    return shown and file_of(entry).suffix in PREVIEWS


def write_something(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    match file.suffix:
        case ".parquet":
            TABLE.to_parquet(file)
        case ".csv":
            TABLE.to_csv(file, index=False)
        case ".json":
            file.write_text('{"auc": {"value": 0.97}}')
        case ".png":
            Image.new("RGB", (8, 8)).save(file)


@pytest.fixture(scope="module")
def catalog(catalog_entry):
    """The entry of every dataset that a pipeline names."""
    names = set().union(*(pipeline.datasets() for pipeline in register_pipelines().values()))
    return {n: catalog_entry(n) for n in names if not n.startswith(("params:", "parameters"))}


@pytest.fixture(scope="module")
def viz(catalog, tmp_path_factory, lay_out_project):
    """What `kedro viz build` writes for the project with a small file in every place."""
    root = tmp_path_factory.mktemp("project")
    lay_out_project(root)
    for entry in catalog.values():
        if shows_a_preview(entry) and not file_of(entry).is_absolute():
            write_something(root / file_of(entry))
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "viz", "build", "--include-previews"],
        cwd=root,
        env=os.environ | {"DO_NOT_TRACK": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    main = root / "build/api/main"
    assert main.exists(), done.stdout + done.stderr
    graph = json.loads(main.read_text())
    details = {
        node["name"]: json.loads((root / "build/api/nodes" / node["id"]).read_text())
        for node in graph["nodes"]
        if node["type"] == "data"
    }
    return SimpleNamespace(graph=graph, details=details, root=root, output=done.stdout)


def test_every_dataset_has_a_layer_that_the_project_knows(catalog):
    layers = {name: entry["metadata"]["kedro-viz"]["layer"] for name, entry in catalog.items()}
    assert {name: layer for name, layer in layers.items() if layer not in LAYERS} == {}


def test_every_entry_of_the_catalog_is_used(catalog):
    loader = ProjectConfigLoader(str(ROOT / "conf"), env="base", **CONFIG_LOADER_ARGS)
    explicit = {name for name in loader["catalog"] if not name.startswith(("_", "{"))}
    assert explicit - set(catalog) == set()


def test_no_node_reads_from_a_later_layer_than_it_writes_to(catalog):
    """Kedro-Viz draws no layers at all where they run in a circle."""

    def layer_of(name):
        return catalog[name]["metadata"]["kedro-viz"]["layer"]

    nodes = {node for pipeline in register_pipelines().values() for node in pipeline.nodes}
    backwards = [
        f"{read} ({layer_of(read)}) -> {node.name} -> {written} ({layer_of(written)})"
        for node in nodes
        for read in node.inputs
        for written in node.outputs
        if read in catalog
        and written in catalog
        and LAYERS.index(layer_of(read)) > LAYERS.index(layer_of(written))
    ]
    assert backwards == []


@pytest.mark.slow
def test_every_pipeline_is_shown_with_every_node(viz):
    pipelines = register_pipelines()
    shown = {
        name: {
            node["name"]
            for node in json.loads((viz.root / "build/api/pipelines" / name).read_text())["nodes"]
            if node["type"] == "task"
        }
        for name in pipelines
    }
    expected = {name: {node.func.__name__ for node in p.nodes} for name, p in pipelines.items()}
    assert shown == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", list(register_pipelines()))
def test_the_layers_of_every_pipeline_come_in_their_order(viz, name):
    shown = json.loads((viz.root / "build/api/pipelines" / name).read_text())
    used = {node.get("layer") for node in shown["nodes"]}
    in_order = [layer for layer in shown["layers"] if layer in used]
    assert in_order == [layer for layer in LAYERS if layer in used]


@pytest.mark.slow
def test_the_main_job_opens_on_a_few_boxes(viz):
    shown = json.loads((viz.root / "build/api/pipelines/__default__").read_text())
    children = shown["modular_pipelines"]["__root__"]["children"]
    boxes = [child["id"] for child in children if child["type"] in ("modularPipeline", "task")]
    assert len(boxes) <= 12
    assert {"ingestion", "training", "evaluation", "report"} <= set(boxes)


@pytest.mark.slow
def test_every_dataset_is_shown_in_the_layer_of_its_catalog_entry(viz, catalog):
    shown = {node["name"]: node["layer"] for node in viz.graph["nodes"] if node["type"] == "data"}
    expected = {name: catalog[name]["metadata"]["kedro-viz"]["layer"] for name in shown}
    assert shown == expected
    assert viz.graph["layers"] == [layer for layer in LAYERS if layer in shown.values()], viz.output


@pytest.mark.slow
def test_tables_numbers_and_figures_are_previewed(viz, catalog):
    expected = {
        name: PREVIEWS[file_of(catalog[name]).suffix]
        for name in viz.details
        if shows_a_preview(catalog[name])
    }
    assert set(expected.values()) >= {"TablePreview", "JSONPreview", "ImagePreview"}
    shown = {name: viz.details[name].get("preview_type") for name in expected}
    assert shown == expected
    assert [name for name in expected if not viz.details[name]["preview"]] == [], viz.output
