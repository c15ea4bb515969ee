"""The pipeline writes a file that a runtime opens."""

import onnxruntime
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.runner import SequentialRunner

from face_forgery.hooks.console import ConsoleHooks
from face_forgery.pipelines.export import create_pipeline


@pytest.mark.slow
def test_the_file_opens_and_replaces_an_older_one(
    tmp_path, make_detector, make_shipped_catalog, make_params
):
    folder = tmp_path / "data/06_models"
    folder.mkdir(parents=True)
    (folder / "detector.onnx").write_bytes(b"old")
    catalog = make_shipped_catalog(create_pipeline(), tmp_path, make_params())
    catalog["detector"].save(make_detector())
    hooks, manager = ConsoleHooks(), _create_hook_manager()
    manager.register(hooks)
    hooks.after_catalog_created(catalog)
    hooks.before_pipeline_run(create_pipeline())
    SequentialRunner().run(create_pipeline(), catalog, manager)
    assert set(hooks._saved) == {"The detector in ONNX", "The detector for OpenVINO"}
    session = onnxruntime.InferenceSession(catalog["onnx_detector"].load())
    assert [node.name for node in session.get_inputs()] == ["images"]
    assert {path.name for path in folder.iterdir()} == {
        "detector",
        "detector.onnx",
        "openvino",
    }
    files = sorted(path.name for path in (folder / "openvino").iterdir())
    assert files == ["detector.bin", "detector.xml"]
