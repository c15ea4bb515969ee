"""`pip install .` elsewhere than in the checkout gives the API, the command and all their files."""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from face_forgery.modeling.detector_folder import write_detector

PROJECT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

PROGRAM = """
import face_forgery as ff
detector = ff.Detector.load("detector")
judged = detector.judge("photo.jpg")
images = ff.explain_images(detector.trained, ff.list_images("photo.jpg"), min_size=9)
_, page = next(ff.write_pages(images, detector.points, detector.learnt_from))
print(ff.__file__, judged.status, len(page.html) > 1000)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy: building leaves files in the folder."""
    copy = tmp_path_factory.mktemp("checkout")
    shutil.copytree(PROJECT / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "-w", copy, copy], check=True)
    (built,) = copy.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory, make_detector, make_picture):
    """Install it into an environment of its own, with the libraries of this one; lay out images."""
    root = tmp_path_factory.mktemp("elsewhere")
    venv.create(root / "env", with_pip=False)
    python = root / "env/bin/python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"]
    subprocess.run([*command, wheel], check=True)
    (packages,) = (root / "env/lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    (root / "detector").mkdir()
    write_detector(make_detector(), root / "detector")
    make_picture().save(root / "photo.jpg")
    return root


def call(elsewhere, *command, status=0):
    done = subprocess.run(
        [elsewhere / "env/bin" / command[0], *command[1:]],
        cwd=elsewhere,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def test_the_wheel_has_every_file_of_the_package(wheel):
    package = PROJECT / "src/face_forgery"
    files = {
        path.relative_to(PROJECT / "src").as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= set(zipfile.ZipFile(wheel).namelist())


def test_the_api_judges_and_explains(elsewhere):
    file, *said = call(elsewhere, "python", "-c", PROGRAM).stdout.split()
    assert Path(file).is_relative_to(elsewhere)
    assert said == ["ok", "True"]


def test_the_command_judges(elsewhere):
    done = call(elsewhere, "face-forgery", "judge", "photo.jpg", "--detector", "detector", "--json")
    assert json.loads(done.stdout)["status"] == "ok"


def test_what_needs_the_project_says_how_to_get_it(elsewhere):
    done = call(elsewhere, "face-forgery", "run", status=1)
    assert "clone its repository, make setup" in done.stderr
    assert "Traceback" not in done.stderr
