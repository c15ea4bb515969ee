"""What the examples in docstrings find in the folder that they run in."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from face_forgery.modeling.detector import Detector, OperatingPoints, Preprocessing, Proportion


@pytest.fixture(autouse=True)
def example_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lay out a detector that has learnt nothing, and images, for examples that judge."""
    if ".judging." not in request.node.name:
        return
    from face_forgery.modeling.detector_folder import write_detector
    from face_forgery.modeling.factory import build_blank_network
    from face_forgery.modeling.forward_path import pick_device

    pick_device()  # warns of a CPU once, and Kedro's logging writes that where examples print
    monkeypatch.chdir(tmp_path)
    half = Proportion(0.5, 0.0, 1.0)
    values: dict[str, Any] = {"int": 1, "bool": True, "float": 0.5, "Proportion": half}
    points = {
        one.name: values[getattr(one.type, "__name__", "")]
        for one in fields(OperatingPoints)
        if one.default is MISSING and one.default_factory is MISSING
    }
    preprocessing = Preprocessing(32, "bilinear", (0.5,) * 3, (0.5,) * 3)
    detector = Detector(
        "test_resnet", {}, {}, preprocessing, 1, operating_points=OperatingPoints(**points)
    )
    detector.weights.update(build_blank_network(detector).backbone.state_dict())
    folder = tmp_path / "data/06_models/detector"
    folder.mkdir(parents=True)
    write_detector(detector, folder)
    Image.radial_gradient("L").save("photo.jpg")
    Path("notes.txt").write_text("no image")
