"""`face-forgery`: what it prints, how it ends, and that nothing asks for a project but `run`."""

import csv
import io
import json
import logging
import os
import shutil
import subprocess
import sys

import pytest

import face_forgery as ff
from face_forgery.__main__ import main
from face_forgery.data.images.listing import list_images
from face_forgery.hooks.store import import_mlflow
from face_forgery.inference.verdicts import PREDICTION_COLUMNS


@pytest.fixture
def here(tmp_path, detector_folder, make_picture, encode, monkeypatch):
    """Go to a folder with a detector where runs leave it, and images; return it."""
    (tmp_path / "data/06_models").mkdir(parents=True)
    (tmp_path / "data/06_models/detector").symlink_to(detector_folder)
    (tmp_path / "photos/below").mkdir(parents=True)
    make_picture(0, height=90, width=70).save(tmp_path / "photos/a.jpg")
    make_picture(1, height=90, width=70).save(tmp_path / "photos/below/=b.png")
    (tmp_path / "photos/notes.txt").write_text("no image")
    (tmp_path / "photos/small.png").write_bytes(encode(make_picture(height=40, width=40), "PNG"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys, caplog):
    """Return a function that gives a command; it returns status, output and errors."""
    caplog.set_level(logging.NOTSET, "face_forgery.modeling.forward_path")  # given back at the end

    def give(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return ended.value.code or 0, *capsys.readouterr()

    return give


def test_a_folder_is_judged_as_the_pipeline_does(here, run, judge_all, detector):
    status, output, errors = run("judge", "photos")
    assert (status, errors) == (0, f"{ff.Detector.load().learnt_from}\n")
    *rows, summary = output.splitlines()
    expected = judge_all(detector, list_images(here / "photos"), min_size=48)
    assert len(rows) == len(expected)
    for row, one in zip(rows, expected.to_dict("records"), strict=True):
        assert row.startswith(one["img_name"])
        said = f"{one['y_pred']:.3f}  {one['verdict']}"
        assert (said if one["status"] == "ok" else f"{one['status']}: {one['detail']}") in row
    assert summary.startswith("4 images: ")
    assert summary.endswith(", 1 unreadable, 1 too_small")


def test_json_and_csv_are_the_only_output_and_hold_what_is_known(here, run):
    status, output, summary = run("judge", "photos", "--json")
    lines = [json.loads(line) for line in output.splitlines()]
    assert status == 0
    assert summary.splitlines()[1].startswith("4 images")
    assert set(lines[0]) == {*PREDICTION_COLUMNS, "faces", "evidence"}
    status, output, _ = run("judge", "photos", "--output", "-")
    rows = list(csv.DictReader(io.StringIO(output)))
    assert [row["img_name"] for row in rows] == [line["img_name"] for line in lines]
    assert rows[0]["y_pred"] == str(lines[0]["y_pred"])
    assert rows[2]["y_pred"] == ""
    status, output, _ = run("judge", "photos", "--output", "table.csv")
    assert output.rstrip().endswith("the table: table.csv")
    assert list(csv.DictReader((here / "table.csv").open())) == rows
    assert not (here / "table.csv.partial").exists()


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["photos/a.jpg"], ["a.jpg"]),
        (["photos/**/*.png"], ["below/=b.png", "small.png"]),
        (["list.csv"], ["photos/a.jpg", "gone.jpg"]),
        (["photos/a.jpg", "photos/below"], ["photos/a.jpg", "photos/below/=b.png"]),
        (["photos/a.jpg", "photos/a.jpg"], ["photos/a.jpg"]),
        (["=x.jpg", "photos/a.jpg"], ["./=x.jpg", "photos/a.jpg"]),
    ],
)
def test_files_patterns_tables_and_several_of_them_are_judged(here, run, paths, names):
    (here / "list.csv").write_text("img_name\nphotos/a.jpg\ngone.jpg\n")
    (here / "=x.jpg").write_bytes((here / "photos/a.jpg").read_bytes())
    status, output, _ = run("judge", *paths, "--json")
    assert status == 0
    assert [json.loads(line)["img_name"] for line in output.splitlines()] == names


def test_what_a_file_says_of_its_making_is_below_its_verdict(here, run, make_picture):
    source = "newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    make_picture().save("made.jpg", xmp=f'DigitalSourceType="http://cv.iptc.org/{source}"'.encode())
    _, output, _ = run("judge", "made.jpg")
    assert "the file says source_type: trainedAlgorithmicMedia" in output.splitlines()[1]


def test_a_page_an_image_says_why(here, run):
    status, _, errors = run("judge", "photos", "--explain", "why/pages")
    assert status == 0
    assert errors.endswith("Why: why/pages/index.html\n")
    assert sorted(page.name for page in (here / "why/pages").iterdir()) == [
        *(f"000{number}.html" for number in range(1, 5)),
        "index.html",
    ]


def test_where_nothing_could_be_judged_the_status_is_1(here, run):
    (here / "photos/damaged.jpg").write_bytes(b"no image")
    status, output, _ = run("judge", "photos/damaged.jpg")
    assert status == 1
    assert "1 image: 0 real, 0 fake, 0 unsure, 1 unreadable" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.jpg"], "gone.jpg: there is no such file or folder (PATH; "),
        (["photos", ""], "a PATH is empty"),
        (["*.bmp"], "matches *.bmp (PATH)"),
        (["photos", "--detector", "nowhere"], "--detector FOLDER"),
        (["photos", "--detector", "me/faces"], "hf-hub:me/faces"),
        (["photos", "--detector", "data/06_models"], "below it: data/06_models/detector"),
        (["photos", "--output", "a.jpg"], "call it FILE.csv"),
        (["list.csv", "--output", "photos/../list.csv"], "this is what is judged"),
        (["photos", "--output", "gone/a.csv"], "gone/a.csv: there is no folder"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(here, run, arguments, said):
    (here / "list.csv").write_text("img_name\nphotos/a.jpg\n")
    status, output, errors = run("judge", *arguments)
    assert (status, output) == (2, "")
    assert said in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["judge"], ["juge"], ["judge", "a.jpg", "--outptu=x"]])
def test_a_mistyped_command_is_status_2_with_its_usage(run, arguments):
    status, _, errors = run(*arguments)
    assert status == 2
    assert "usage: face-forgery" in errors
    assert "error: " in errors.splitlines()[-1]


def test_help_names_every_command(capsys):
    main(["--help"])
    output = capsys.readouterr().out
    assert all(f"\n  {name} " in output for name in ("judge", "page", "serve", "register", "run"))


def test_run_says_that_it_needs_the_project(run, here):
    status, _, _ = run("run", "--pipelines", "inference")
    assert "clone its repository" in status


def test_a_trained_detector_is_registered_and_loads_by_its_name(
    here, empty_store, monkeypatch, capsys
):
    shutil.copy(empty_store, here)
    mlflow = import_mlflow()
    before = mlflow.get_tracking_uri()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    try:
        main(["register", "mine", "--min-size", "91"])
        assert "face-forgery serve models:/mine@newest" in capsys.readouterr().out
        model = mlflow.pyfunc.load_model("models:/mine@newest")
        rows = model.predict([{"image": (here / "photos/a.jpg").read_bytes()}])
        assert list(rows["status"]) == ["too_small"]
    finally:
        mlflow.set_tracking_uri(before)


def test_what_is_no_detector_is_not_registered(here, run):
    status, _, _ = run("register", "mine", "--detector", "photos")
    assert "meta.json is missing" in status


@pytest.mark.slow
def test_the_command_ends_quietly_when_its_reader_does(here):
    command = f"{sys.executable} -m face_forgery judge {'photos ' * 9} --json | head -n 1"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, shell=True, env=env, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["status"] == "ok"
    assert "Traceback" not in done.stderr


def test_ff_detector_is_what_the_command_judges_by(here, run):
    _, output, _ = run("judge", "photos/a.jpg", "--json")
    direct = ff.Detector.load().judge("photos/a.jpg")
    assert json.loads(output) == {"img_name": "a.jpg", **direct.to_dict()}
