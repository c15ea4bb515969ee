"""Three people do their jobs with names that the README has, as it says to."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import timm
import yaml
from kedro.config.omegaconf_config import OmegaConf
from safetensors.torch import save_file
from tests.conftest import PROJECT, SMALL_JOB, SMALL_SET

JOBS = Path(__file__).parent
OWN = ("data.root", "inference.images")  # what the person names
SPELLINGS = {"trainset_label.txt": "train_label.txt", "valset_label.txt": "val_label.txt"}


@pytest.fixture
def project(main_job, lay_out_project, tmp_path):
    """A project as cloned; conf/local has a small network, the hub's cache its weights."""
    project = tmp_path / "project"
    lay_out_project(project)
    small = SMALL_JOB | {"splitting.holdout.min_images": 2}
    small = [f"{name}={value}" for name, value in small.items() if name not in OWN]
    text = yaml.safe_dump(OmegaConf.to_container(OmegaConf.from_dotlist(small)))
    (project / "conf/local/parameters.yml").write_text(text)
    cached = project / "hub/models--timm--test_resnet.r160_in1k"
    (cached / "snapshots/main").mkdir(parents=True)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("main")
    weights = timm.create_model("test_resnet").state_dict()
    save_file(weights, cached / "snapshots/main/model.safetensors")
    return project


def do(project, script, *arguments):
    command = [sys.executable] if script.endswith(".py") else ["bash"]
    done = subprocess.run(
        [*command, JOBS / script, *map(str, arguments)],
        cwd=project,
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(project / "src"),
            "HF_HUB_CACHE": str(project / "hub"),
            "HF_HUB_OFFLINE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spelling", "has_test"),
    [
        pytest.param(SPELLINGS, False, id="train, no test"),
        pytest.param({}, True, id="trainset", marks=pytest.mark.long),
        pytest.param({}, False, id="trainset, no test", marks=pytest.mark.long),
        pytest.param(SPELLINGS, True, id="train", marks=pytest.mark.long),
    ],
)
def test_a_competitor_gets_a_submission(main_job, project, spelling, has_test):
    phase1 = project.parent / "phase 1"
    shutil.copytree(main_job / SMALL_SET, phase1)
    for name, other in spelling.items():
        (phase1 / name).rename(phase1 / other)
    listed = phase1 / "testset_nolabel.txt"
    if not has_test:
        listed.unlink()
        shutil.rmtree(phase1 / "testset")
        listed = phase1 / spelling.get("valset_label.txt", "valset_label.txt")
    printed = do(project, "compete.sh", phase1)
    submission = pd.read_csv(project / "data/07_model_output/submission.csv")
    assert submission["img_name"].tolist() == pd.read_csv(listed)["img_name"].tolist()
    assert "img_name,y_pred" in printed


@pytest.mark.slow
@pytest.mark.long
def test_a_researcher_holds_a_kind_out_and_compares(main_job, project):
    do(project, "research.sh", main_job / SMALL_SET, "face_swap")
    held_out = pd.read_parquet(project / "data/05_model_input/train_manifest.parquet")
    assert "face_swap" not in set(held_out["kind"])
    compared = (project / "data/08_reporting/comparison.json").read_text()
    assert all(f'"{name}"' in compared for name in ("with", "without"))


@pytest.mark.slow
def test_an_engineer_judges_a_folder(main_job, project):
    shutil.copytree(main_job / "data/06_models/detector", project / "data/06_models/detector")
    folder = main_job / SMALL_SET / "testset"
    do(project, "use.sh", folder)
    by_kedro = pd.read_csv(project / "data/07_model_output/predictions.csv")
    by_command = pd.read_csv(project / "verdicts.csv")
    printed = do(project, "use.py", folder)
    by_python = [line.split()[1:] for line in printed.splitlines()]
    pd.testing.assert_frame_equal(by_command, by_kedro)
    assert [score for score, *_ in by_python if score != "None"] == pytest.approx(
        by_kedro["y_pred"].dropna().astype(str).tolist()
    )


def test_the_readme_has_every_command_of_the_jobs():
    readme = (PROJECT / "README.md").read_text()
    for script in JOBS.glob("*.sh"):
        for name in re.findall(
            r"^(kedro run(?: --pipelines [a-z]+)?|face-forgery [a-z]+)", script.read_text(), re.M
        ):
            assert name in readme
