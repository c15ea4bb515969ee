"""A logged detector loads where nothing of the project is, and scores as the project does."""

import ast
import base64
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import face_forgery as ff
from face_forgery.hooks.store import import_mlflow
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.params import FacesParams
from face_forgery.serving.packaging import SIGNATURE, example_input, requirements
from face_forgery.serving.pyfunc_model import ServedDetector
from face_forgery.serving.request_limits import Limits
from face_forgery.serving.server import build_server

GARBAGE = b"this is no image"


@pytest.fixture(scope="module")
def model(logged):
    return import_mlflow().pyfunc.load_model(logged.uri)


def test_loaded_model_scores_as_the_project_does(model, detector):
    example = example_input()
    (direct,) = ff.Detector(detector, min_size=48).judge(list(example["image"]))
    (row,) = model.predict(example).to_dict("records")
    assert direct.status == "ok"
    assert row["y_pred"] == pytest.approx(direct.score, abs=1e-6)
    assert (row["verdict"], row["status"], row["detail"]) == (direct.verdict, "ok", "")


def test_what_cannot_be_judged_is_a_row_with_a_status_between_the_others(model):
    example = example_input()["image"][0]
    judged = model.predict(pd.DataFrame({"image": [example, GARBAGE, b"", example]}))
    assert list(judged["status"]) == ["ok", "unreadable", "unreadable", "ok"]
    assert judged["y_pred"][1] is None
    assert judged["verdict"][1] == ""
    assert judged["detail"][1] != ""
    assert judged["y_pred"][3] == judged["y_pred"][0]


def test_answer_of_a_server_is_json_that_every_client_reads(model):
    from mlflow.pyfunc.scoring_server import predictions_to_json

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    answer = io.StringIO()
    predictions_to_json(model.predict(pd.DataFrame({"image": [GARBAGE]})), answer)
    (row,) = json.loads(answer.getvalue(), parse_constant=refuse)["predictions"]
    assert row["y_pred"] is None


def test_smallest_side_comes_from_the_parameters(logged):
    strict = import_mlflow().pyfunc.load_model(logged.uri, model_config={"min_size": 97})
    assert list(strict.predict(example_input())["status"]) == ["too_small"]


def test_no_image_is_begun_after_the_time_of_an_answer(logged):
    load = import_mlflow().pyfunc.load_model
    with pytest.raises(Exception, match=r"0 image.s. could be judged within 0 s"):
        load(logged.uri, model_config={"max_seconds": 0}).predict(example_input())
    judged = load(logged.uri, model_config={"max_seconds": 600}).predict(example_input())
    assert list(judged["status"]) == ["ok"]


def test_a_server_tells_the_model_its_limits(model, monkeypatch):
    mlflow, told = import_mlflow(), {}

    def load(uri, **options):
        told.update(options, uri=uri)
        return model

    monkeypatch.setattr(mlflow.pyfunc, "load_model", load)
    limits = Limits(
        hosts=(), max_bytes=1, max_working=1, max_waiting=1, body_seconds=1.0, max_marks=1
    )
    build_server("models:/m", limits, max_images=3, max_seconds=7)
    assert told == {"uri": "models:/m", "model_config": {"max_pictures": 3, "max_seconds": 7}}


def test_a_column_of_another_name_is_refused(model):
    with pytest.raises(Exception, match="image"):
        model.predict(pd.DataFrame({"photo": [GARBAGE]}))


def test_model_has_signature_example_and_installed_requirements(logged):
    mlflow = import_mlflow()
    info = mlflow.models.get_model_info(logged.uri)
    assert info.signature == SIGNATURE
    assert info.saved_input_example_info is not None
    assert (Path(logged.folder) / "requirements.txt").read_text().split() == requirements()
    assert not any("+" in line for line in requirements())


def test_registered_model_is_found_by_its_alias(logged, model):
    newest = import_mlflow().pyfunc.load_model("models:/face-forgery@newest")
    assert newest.metadata.run_id == logged.run_id


LOADER = """
import sys, mlflow, pandas as pd, base64
model = mlflow.pyfunc.load_model(sys.argv[1])
judged = model.predict(pd.DataFrame({"image": [base64.b64decode(sys.argv[2])]}))
print(judged.to_json(orient="records"))
import face_forgery
print(face_forgery.__file__)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


@pytest.mark.slow
def test_model_loads_in_a_process_that_has_neither_the_project_nor_kedro(logged, tmp_path):
    folder = shutil.copytree(logged.folder, tmp_path / "model")
    image = base64.b64encode(example_input()["image"][0]).decode()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", LOADER, folder, image],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    rows, file, modules = done.stdout.splitlines()[-3:]
    assert json.loads(rows)[0]["status"] == "ok"
    assert Path(file).is_relative_to(tmp_path)
    assert {"kedro", "kedro_datasets", "faiss"}.isdisjoint(modules.split())


@pytest.mark.usefixtures("find_red_faces")
def test_every_face_is_in_the_answer_with_its_box(detector, tmp_path, draw_red_faces, encode):
    params = FacesParams(detector=None, min_confidence=0.7, margin=0.3, min_size=20, max_blur=1.0)
    cutting = replace(detector, faces=params, face_model=b"any")
    write_detector(cutting, tmp_path)
    served = ServedDetector()
    context = SimpleNamespace(artifacts={"detector": tmp_path}, model_config={"min_size": 48})
    served.load_context(context)
    boxes = [(20, 30, 40, 50), (120, 30, 30, 30)]
    image = encode(draw_red_faces(*boxes), "PNG")
    (row,) = served.predict(context, pd.DataFrame({"image": [image]})).to_dict("records")
    found = [
        tuple(face[side] for side in ("left", "top", "width", "height")) for face in row["faces"]
    ]
    assert found == boxes
    assert row["y_pred"] == max(face["y_pred"] for face in row["faces"])
    names = {prop.name for prop in SIGNATURE.outputs.inputs[-2].type.dtype.properties}
    assert set(row["faces"][0]) == names


def walk_code(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is executed, which imports for type checkers are not."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk_code(child)


def imported_by(module: str, root: Path, seen: set[str]) -> set[str]:
    """Return what ``module`` imports from elsewhere, and what its own imports do."""
    file = root.joinpath(*module.split(".")).with_suffix(".py")
    if module in seen or not file.exists():
        return set()
    seen.add(module)
    foreign: set[str] = set()
    for node in walk_code(ast.parse(file.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            own = name.partition(".")[0] == "face_forgery"
            foreign |= imported_by(name, root, seen) if own else {name.partition(".")[0]}
    return foreign


def test_requirements_hold_all_that_the_served_code_imports():
    root = Path(__file__).parents[2] / "src"
    foreign = imported_by("face_forgery.serving.pyfunc_model", root, set())
    foreign -= {"c2pa"}  # an extra: without it a manifest is said to be there, unread
    distributions = packages_distributions()
    needed = {distributions[name][0].lower() for name in foreign - set(sys.stdlib_module_names)}
    assert "scipy" in needed
    needed = {name.replace("mlflow-tracing", "mlflow") for name in needed}  # one brings the other
    assert needed <= {line.partition("==")[0] for line in requirements()}
