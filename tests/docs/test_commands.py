"""Every command of the README and of the documents exists, and runs on a tiny set.

`make docs-check` runs them all; `make test` only looks whether what they name is there.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kedro.framework.cli.utils import _split_params
from kedro.framework.project import configure_project

from face_forgery.__main__ import COMMANDS as COMMANDS_OF_OURS
from face_forgery.config_loader import read_parameters
from face_forgery.pipeline_registry import register_pipelines

PROJECT = Path(__file__).parents[2]
# docs/experiments.md and docs/decisions record what was run at an earlier commit.
PAGES = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "conf/README.md"]
PAGES += sorted(
    str(path.relative_to(PROJECT))
    for path in (PROJECT / "docs").glob("*.md")
    if path.name != "experiments.md"
)
STARTS = ("kedro ", "face-forgery ", "make ", "python ", "mlflow ", ".venv/bin/", "ray ")
# Their keys are the user's.
FREE = (
    "comparison.scores.",
    "testing.sets.",
    "sampling.sets.",
    "model.options.",
    "ingestion.class_folders.",
    "ingestion.targets.",
)

TINY = {
    "demo_data": {"train_images": 48, "val_images": 32, "test_images": 6, "image_size": 64},
    "model": {"backbone": "test_resnet"},
    "preprocessing": {"image_size": 64},
    "training": {"epochs": 1, "warmup_epochs": 0, "batch_size": 8, "num_workers": 0},
    "scoring": {"num_workers": 0},
    "evaluation": {"num_resamples": 100},
    "audit": {"num_folds": 2},
    "robustness": {"num_images": 4, "families": ["compression"]},
    "inference": {"min_size": 32},
    "splitting": {"holdout": {"min_images": 2}},
}
DEMO = "data/01_raw/demo"
PLACEHOLDERS = {  # what a document leaves open -> what the tiny project has
    "path/to/pictures": f"{DEMO}/testset",
    "path/to/images": f"{DEMO}/testset",
    "/data/phase1": DEMO,
    "/data/multiffdi": DEMO,
    "celeb.labels=FILE,testing.sets.celeb.images=FOLDER": (
        f"celeb.labels=other.csv,testing.sets.celeb.images={DEMO}/testset"
    ),
    "comparison.scores.a=FILE": "comparison.scores.a=data/07_model_output/val_scores.parquet",
    "comparison.scores.b=run:ID": "comparison.scores.b=data/07_model_output/val_scores.parquet",
    "data.root=FOLDER": f"data.root={DEMO}",
    "degradations sheet.png --images FOLDER": f"degradations sheet.png --images {DEMO}/testset",
    "--images FOLDER": f"--images {DEMO}",
    "inference.images=FOLDER": f"inference.images={DEMO}/testset",
    "s3://BUCKET/pictures": f"{DEMO}/testset",
    "s3://BUCKET/images": f"{DEMO}/testset",
    "s3://BUCKET/": "",
    "FILE.csv": "landmarks.csv",
    "landmarks=FILE": "landmarks=landmarks.csv",
    "hold_out=NAME": "hold_out=face_swap",
    "train_images=100000,demo_data.image_size=256": "train_images=60,demo_data.image_size=64",
    "train_images=5000": "train_images=60",
    "model.pretrained=true": "model.pretrained=false",
    "clip.mp4": "clip.mp4",
    "backbone=convnext_tiny,preprocessing.image_size=224": "backbone=test_vit2",
    "gpus_per_worker=1": "gpus_per_worker=0",
    "resnet18": "test_resnet",
    "describe NAME": "describe training",
    "__default__,forging": "__default__,forging --params forging.landmarks=landmarks.csv",
    "run &": "run",
}
NOT_RUN = {  # part of a command -> why `make docs-check` leaves it out
    "...": "an outline, its values are the reader's",
    "make ": "installs, or takes hours; `.ci/run` runs the tests",
    "benchmarks/": "hours; a record of how a number was got",
    "fuzz/": "half an hour",
    ".onnx": "needs the user's face detector",
    "/mnt/shared": "needs a cluster",
    "cluster.storage": "needs a cluster",
    "ray ": "needs a cluster",
    "mlflow ": "a server",
    "face_forgery.serving": "a server; tests/serving starts it",
    "face-forgery serve": "a server; tests/serving starts it",
    "face-forgery page": "a server; tests/serving/page starts it",
    "hf-hub:": "needs a network",
    "adopt.model": "needs a model of other people; tests/pipelines/adopt has some",
    "data.root=data/01_raw,data.train_labels=sampled": "needs the user's videos",
    "face-forgery push": "needs a token of the hub; tests/serving/test_push.py has a stand-in",
    "face-forgery unpack": "needs a packed set; tests/data/packed writes some",
    "data.root=/data,": "needs public sets; tests/data/labels/layouts has them in miniature",
    "ingestion.from_path=": "needs a tree of folders; tests/data/labels/test_path_facts.py has one",
    "--env generalize": "needs the hub's weights and landmarks",
    "http://host": "needs a server",
    "--env cluster": "needs a cluster; tests/training/distributed runs Ray",
    "--env baseline": "needs the hub's weights",
    "kedro viz": "a server; tests/test_viz.py opens what it shows",
    "--config": "an option, not a command",
    "pre-commit": "changes the git checkout",
    "models:/": "needs a registered model",
}


def commands_of(page):
    """Return the commands in indented blocks and in backticks, as one line each."""
    text = (PROJECT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^ {4}(\S.*)$", text, flags=re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", text)
    for line in [*blocks, *inline]:
        command = re.sub(r"\s+#.*$", "", line).strip().removeprefix(".venv/bin/")
        if f"{command} ".startswith(STARTS) and " " in command:
            yield re.sub(r"\s+", " ", command)


COMMANDS = {command: page for page in PAGES for command in commands_of(page)}


@pytest.fixture(scope="module")
def pipelines():
    configure_project("face_forgery")
    return register_pipelines()


@pytest.fixture(scope="module")
def parameters():
    return read_parameters(PROJECT / "conf")


def check_kedro_run(words, pipelines, parameters):
    options = dict(zip(words, [*words[1:], ""], strict=True))
    named = options.get("--pipelines") or options.get("--pipeline") or "__default__"
    for name in named.split(","):
        assert name in pipelines, f"no pipeline {name}"
    assert (PROJECT / "conf" / options.get("--env", "base")).is_dir()
    nodes = {node.name for name in named.split(",") for node in pipelines[name].nodes}
    for option in ("--from-nodes", "--to-nodes", "--nodes"):
        for name in filter(None, options.get(option, "").split(",")):
            assert name in nodes, f"no node {name} in {named}"
    text = options.get("--params", "").replace("...", "").strip(",")
    given = _split_params(None, None, text) if text and "=" in text else {}
    unknown = [name for name in _dotted(given) if not _is_known(name, parameters)]
    assert not unknown, f"unknown parameters {unknown}"


def _dotted(values, prefix=""):
    for key, value in values.items():
        name = f"{prefix}{key}"
        yield from _dotted(value, f"{name}.") if isinstance(value, dict) else [name]


def _is_known(name, parameters):
    if name.startswith(FREE):
        return True
    value = parameters
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_only_what_there_is(command, pipelines, parameters):
    words = shlex.split(command.replace("<", "").replace(">", ""))
    if words[:2] == ["kedro", "run"]:
        check_kedro_run(words, pipelines, parameters)
    elif words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
    elif words[0] == "face-forgery":
        assert words[1] in COMMANDS_OF_OURS
    elif words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2])
    elif words[0] == "python":
        assert (PROJECT / words[1]).is_file()


@pytest.mark.parametrize(
    "command",
    [
        "kedro run --pipelines trainig",
        "kedro run --env generalise",
        "kedro run --params training.epoch=3",
        "kedro run --pipelines training --from-nodes build_batches",
    ],
)
def test_a_wrong_name_is_found(command, pipelines, parameters):
    with pytest.raises(AssertionError):
        check_kedro_run(shlex.split(command), pipelines, parameters)


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 60
    assert sum(command.startswith("kedro run") for command in COMMANDS) > 30


def reason_to_skip(command):
    return next((why for part, why in NOT_RUN.items() if part in f"{command} "), None)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a copy of the project with a trained detector, landmarks and a video."""
    folder = tmp_path_factory.mktemp("docs") / "project"
    for name in ("conf", "src", "docs"):
        ignored = shutil.ignore_patterns("local", "__pycache__")
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder)
    (folder / "conf/local").mkdir()
    (folder / "conf/local/parameters.yml").write_text(yaml.safe_dump(TINY))
    models, members = folder / "data/06_models", folder / "data/06_models/members"
    run(folder, "kedro run --pipelines demo_data")
    run(folder, "kedro run --params training.seed=1")
    shutil.copytree(models / "detector", members / "b")
    run(folder, "kedro run")
    shutil.copytree(models / "detector", members / "a")
    shutil.copytree(folder / "data", folder / "kept")
    write_landmarks(folder)
    names = sorted(path.name for path in (folder / DEMO / "testset").iterdir())
    lines = [f"{name},{number % 2}" for number, name in enumerate(names)]
    (folder / "other.csv").write_text("\n".join(["img_name,target", *lines]))
    write_video(folder / "clip.mp4", folder / DEMO / "testset")
    return folder


def write_landmarks(folder):
    from PIL import Image

    lines = ["img_name," + ",".join(f"x{i},y{i}" for i in range(5))]
    for path in sorted((folder / DEMO / "trainset").iterdir()):
        width, height = Image.open(path).size
        points = ((0.35, 0.42), (0.65, 0.42), (0.5, 0.56), (0.4, 0.72), (0.6, 0.72))
        flat = ",".join(f"{x * width:.1f},{y * height:.1f}" for x, y in points)
        lines.append(f"trainset/{path.name},{flat}")
    (folder / "landmarks.csv").write_text("\n".join(lines) + "\n")


def write_video(path, images):
    import av
    from PIL import Image

    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=2)
        stream.width = stream.height = 64
        for image in sorted(images.glob("*.jpg")):
            frame = av.VideoFrame.from_image(Image.open(image).convert("RGB"))
            video.mux(stream.encode(frame))
        video.mux(stream.encode())


def run(folder, command):
    words = shlex.split(command)
    module = words[0].replace("-", "_")
    words[:1] = [sys.executable] if module == "python" else [sys.executable, "-m", module]
    done = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"DO_NOT_TRACK": "true", "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs(command, request):
    if why := reason_to_skip(command):
        pytest.skip(why)
    for part, value in PLACEHOLDERS.items():
        command = command.replace(part, value)
    folder = request.getfixturevalue("project")
    shutil.rmtree(folder / "data")  # whatever the command before has left
    shutil.copytree(folder / "kept", folder / "data")
    if command == "kedro run --pipelines comparison":
        command += " --params " + ",".join(
            f"comparison.scores.{name}=data/07_model_output/val_scores.parquet" for name in "ab"
        )
    run(folder, command)


@pytest.mark.parametrize("page", [page for page in PAGES if "decisions" not in page])
def test_a_page_names_only_files_that_are_there(page):
    text = (PROJECT / page).read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing = [name for name in named if not ((PROJECT / page).parent / name).exists()]
    assert not missing
