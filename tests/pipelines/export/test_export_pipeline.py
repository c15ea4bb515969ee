"""The pipeline writes a file that a runtime opens."""

import onnxruntime
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner

from face_forgery.datasets.atomic import AtomicDataset
from face_forgery.datasets.detector import DetectorDataset
from face_forgery.pipelines.export import create_pipeline

ENTRY = {
    "type": "text.TextDataset",
    "fs_args": {"open_args_load": {"mode": "rb"}, "open_args_save": {"mode": "wb"}},
}


def test_the_file_opens_and_replaces_an_older_one(tmp_path, make_detector):
    file = tmp_path / "detector.onnx"
    file.write_bytes(b"old")
    catalog = DataCatalog(
        {
            "detector": DetectorDataset(filepath=str(tmp_path / "detector")),
            "onnx_detector": AtomicDataset(dataset=ENTRY | {"filepath": str(file)}),
        }
    )
    catalog["detector"].save(make_detector())
    SequentialRunner().run(create_pipeline(), catalog)
    session = onnxruntime.InferenceSession(catalog["onnx_detector"].load())
    assert [node.name for node in session.get_inputs()] == ["images"]
    assert {path.name for path in tmp_path.iterdir()} == {"detector", "detector.onnx"}
