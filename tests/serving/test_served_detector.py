"""A logged detector loads where nothing of the project is, and scores as the project does."""

import ast
import asyncio
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
from urllib.parse import quote

import httpx
import pandas as pd
import pytest

import face_forgery as ff
from face_forgery.hooks.store import import_mlflow
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.params import FacesParams
from face_forgery.serving.packaging import SIGNATURE, example_input, requirements
from face_forgery.serving.pyfunc_model import ServedDetector
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
    assert row["learnt_from"] == model.metadata.metadata["learnt_from"]
    assert "is not recorded" in row["learnt_from"]
    assert model.metadata.metadata["training_data"] is None


def test_what_cannot_be_judged_is_a_row_with_a_status_between_the_others(model):
    example = example_input()["image"][0]
    judged = model.predict(pd.DataFrame({"image": [example, GARBAGE, b"", example]}))
    assert list(judged["status"]) == ["ok", "unreadable", "unreadable", "ok"]
    assert judged["y_pred"][1] is None
    assert judged["verdict"][1] == ""
    assert judged["detail"][1] != ""
    assert judged["y_pred"][3] == judged["y_pred"][0]


def spell(data):
    """Return every way in which clients write the bytes of an image."""
    text = base64.b64encode(data).decode()
    return {
        "base64": text,
        "base64 in lines": base64.encodebytes(data).decode(),
        "without padding": text.rstrip("="),
        "URL-safe": base64.urlsafe_b64encode(data).decode(),
        "data: URL": f"data:image/jpeg;base64,{text}",
        "data: URL, escaped": f"DATA:image/jpeg;name=a.jpg;base64,{quote(text, safe='')}",
        "data: URL of bytes": f"data:image/jpeg,{quote(data)}",
        "base64 as bytes": text.encode(),
        "bytes": data,
        "bytearray": bytearray(data),
    }


REQUESTS = {
    "records": lambda *texts: {"dataframe_records": [{"image": text} for text in texts]},
    "split": lambda *texts: {
        "dataframe_split": {"columns": ["image"], "data": [[text] for text in texts]}
    },
    "instances": lambda *texts: {"instances": [{"image": text} for text in texts]},
    "instances, unnamed": lambda *texts: {"instances": list(texts)},
    "inputs": lambda *texts: {"inputs": {"image": list(texts)}},
    "inputs, unnamed": lambda *texts: {"inputs": list(texts)},
}


def ask(model, request):
    """Return what MLflow's server answers to a request in JSON."""
    from mlflow.pyfunc.scoring_server import invocations

    body, schema = json.dumps(request).encode(), model.metadata.get_input_schema()
    answer = invocations(body, "application/json", model, schema)
    assert answer.status == 200
    return json.loads(answer.response)["predictions"]


def test_an_image_has_one_score_however_it_is_written(model):
    data = example_input()["image"][0]
    ways = spell(data)
    judged = model.predict(pd.DataFrame({"image": list(ways.values())}))
    assert dict(zip(ways, judged["status"], strict=True)) == dict.fromkeys(ways, "ok")
    assert judged["y_pred"].nunique() == 1


@pytest.mark.parametrize("form", REQUESTS)
def test_an_image_has_one_score_in_every_format_of_a_request(model, form):
    example = example_input()
    expected = model.predict(example)["y_pred"][0]
    texts = [text for text in spell(example["image"][0]).values() if isinstance(text, str)]
    for row in ask(model, REQUESTS[form](*texts)):
        assert (row["status"], row["y_pred"]) == ("ok", pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize("form", REQUESTS)
@pytest.mark.parametrize(
    ("given", "told"),
    [("photo.jpg", "image 1 is neither base64 nor"), (7, "image 1 is")],
)
def test_what_is_no_image_in_text_is_refused_by_name(model, form, given, told):
    with pytest.raises(Exception, match=told) as refused:
        ask(model, REQUESTS[form](given))
    assert refused.value.get_http_status_code() == 400


@pytest.mark.parametrize("bitmap", [b"P3\n1 1\n255\n1 2 3\n", b"P1 1 1 0 "])
def test_a_bitmap_in_digits_is_not_taken_for_base64(model, bitmap):
    (row,) = model.predict(pd.DataFrame({"image": [bitmap]})).to_dict("records")
    assert "a rare kind of PPM" in row["detail"]


def test_answer_of_a_server_is_json_that_every_client_reads(model):
    from mlflow.pyfunc.scoring_server import predictions_to_json

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    answer = io.StringIO()
    predictions_to_json(model.predict(pd.DataFrame({"image": [GARBAGE]})), answer)
    (row,) = json.loads(answer.getvalue(), parse_constant=refuse)["predictions"]
    assert row["y_pred"] is None


def test_no_image_is_begun_after_the_time_of_an_answer(logged):
    load = import_mlflow().pyfunc.load_model
    with pytest.raises(Exception, match=r"0 image.s. could be judged within 0 s"):
        load(logged.uri, model_config={"max_seconds": 0}).predict(example_input())
    judged = load(logged.uri, model_config={"max_seconds": 600}).predict(example_input())
    assert list(judged["status"]) == ["ok"]


def test_a_server_tells_the_model_its_limits(model, request_limits, monkeypatch):
    mlflow, told = import_mlflow(), {}

    def load(uri, **options):
        told.update(options, uri=uri)
        return model

    monkeypatch.setattr(mlflow.pyfunc, "load_model", load)
    options = {"max_images": 3, "max_seconds": 7}
    build_server("models:/m", request_limits, **options, min_size=None)
    assert told == {"uri": "models:/m", "model_config": {"max_pictures": 3, "max_seconds": 7}}
    build_server("models:/m", request_limits, **options, min_size=9)
    assert told["model_config"]["min_size"] == 9


@pytest.fixture(scope="module")
def post(detector_folder, request_limits, tmp_path_factory):
    """Return a function that asks the server of a folder of links, as caches of hubs are."""
    links = tmp_path_factory.mktemp("links")
    for file in detector_folder.iterdir():
        (links / file.name).symlink_to(file)
    options = {"max_images": 9, "max_seconds": 60, "min_size": 90}
    app = build_server(str(links), request_limits, **options)

    def ask(content, **headers):
        async def send():
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asked:
                return await asked.post("/invocations", content=content, headers=headers)

        return asyncio.run(send())

    return ask


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/octet-stream", None])
def test_an_image_may_be_the_body_of_a_request_to_the_server_of_a_folder(post, model, content_type):
    example = example_input()
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = post(example["image"][0] + b",:[{" * 999, **headers)  # marks count in JSON alone
    (row,) = answer.json()["predictions"]
    assert row["y_pred"] == pytest.approx(model.predict(example)["y_pred"][0], abs=1e-6)
    assert row["evidence"] == {}
    (row,) = post(b"no image", **headers).json()["predictions"]
    assert row["status"] == "unreadable"


def test_a_folder_is_served_with_the_smallest_side_that_is_asked_for(post, make_picture, encode):
    (row,) = post(encode(make_picture(height=89, width=99))).json()["predictions"]
    assert row["status"] == "too_small"


@pytest.mark.parametrize(
    ("folder", "said"), [("gone", "no detector yet"), (".", "meta.json is missing")]
)
def test_a_folder_without_a_detector_is_refused_with_the_remedy(
    request_limits, tmp_path, folder, said
):
    options = {"max_images": 9, "max_seconds": 60, "min_size": None}
    with pytest.raises(ff.DetectorError, match=said):
        build_server(str(tmp_path / folder), request_limits, **options)


def test_model_has_signature_example_and_installed_requirements(logged):
    mlflow = import_mlflow()
    info = mlflow.models.get_model_info(logged.uri)
    assert info.signature == SIGNATURE
    assert info.saved_input_example_info is not None
    assert (Path(logged.folder) / "requirements.txt").read_text().splitlines() == requirements()
    assert not any("+" in line for line in requirements())


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
    names = {prop.name for prop in SIGNATURE.outputs.inputs[-3].type.dtype.properties}
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
