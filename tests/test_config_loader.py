"""The catalog reads locations from the parameters."""

import shutil
from importlib import import_module
from importlib.util import find_spec

import pytest
import yaml
from omegaconf import OmegaConf

from face_forgery.config_loader import ProjectConfigLoader
from face_forgery.params import ParameterError
from face_forgery.params.renamed import RENAMED_TYPES
from face_forgery.settings import CONFIG_LOADER_ARGS


@pytest.fixture
def make_loader(tmp_path):
    def make(parameters, catalog, *, local=None, runtime_params=None):
        for folder in ("base", "local"):
            (tmp_path / folder).mkdir()
        (tmp_path / "base/parameters.yml").write_text(yaml.safe_dump(parameters))
        (tmp_path / "base/catalog.yml").write_text(yaml.safe_dump(catalog))
        if local is not None:
            (tmp_path / "local/parameters.yml").write_text(yaml.safe_dump(local))
        return ProjectConfigLoader(
            str(tmp_path), runtime_params=runtime_params, **CONFIG_LOADER_ARGS
        )

    return make


LABELS = {"labels": {"type": "pandas.CSVDataset", "filepath": "${params:data.root}/labels.txt"}}


@pytest.mark.parametrize(
    ("local", "given", "root"),
    [
        (None, None, "here"),
        ({"data": {"root": "there"}}, None, "there"),
        ({"data": {"root": "there"}}, {"data": {"root": "/elsewhere"}}, "/elsewhere"),
    ],
    ids=["base", "local", "command line"],
)
def test_the_catalog_follows_base_local_and_the_command_line(make_loader, local, given, root):
    loader = make_loader({"data": {"root": "here"}}, LABELS, local=local, runtime_params=given)
    assert loader["catalog"]["labels"]["filepath"] == f"{root}/labels.txt"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pictures.PicturesDataset", "write face_forgery.datasets.user_files.ImageListDataset"),
        ("json_file.AtomicJSONDataset", r"AtomicDataset with .*\{type: json.JSONDataset, filepath"),
    ],
)
def test_a_dataset_type_of_an_earlier_release_is_named_with_the_new_one(make_loader, old, new):
    loader = make_loader({}, {"mine": {"type": f"face_forgery.datasets.{old}", "filepath": "x"}})
    with pytest.raises(ValueError, match=rf"entry 'mine' .*{old}: .*{new}"):
        loader["catalog"]


def test_every_new_type_of_a_dataset_is_there():
    for old, new in RENAMED_TYPES.items():
        module, name = new.split()[0].split(".")
        assert hasattr(import_module(f"face_forgery.datasets.{module}"), name)
        assert find_spec(f"face_forgery.datasets.{old.split('.')[0]}") is None


@pytest.mark.parametrize("folder", ["br[1]", "[draft]", "a b", "*", "größer", ".hidden", "#1 50%,"])
def test_a_project_may_lie_in_any_folder(make_loader, tmp_path, folder):
    make_loader({"data": {"root": "here"}}, LABELS, local={"data": {"root": "there"}})
    conf = tmp_path / folder / "conf"
    for name in ("base", "local"):
        shutil.copytree(tmp_path / name, conf / name)
    (conf / "base/parameters_more.yml").write_text("more: {than: one}")
    loader = ProjectConfigLoader(str(conf), **CONFIG_LOADER_ARGS)
    assert loader["parameters"] == {"data": {"root": "there"}, "more": {"than": "one"}}
    assert loader["catalog"]["labels"]["filepath"] == "there/labels.txt"


def test_dotted_names_of_a_run_are_nested_and_those_in_a_value_stay(make_loader):
    values = {"training": {"epochs": 1, "optimizer": {"name": "sgd", "rate": 1}}, "classes": {}}
    given = {
        "training.epochs": 3,
        "training.optimizer": {"rate": 2},
        "training": {"optimizer": {"momentum": 0.9}},
        "classes": {"real.v2": 0},
    }
    loader = make_loader(values, {}, runtime_params=given)
    optimizer = {"name": "sgd", "rate": 2, "momentum": 0.9}
    assert loader["parameters"] == {
        "training": {"epochs": 3, "optimizer": optimizer},
        "classes": {"real.v2": 0},
    }


def test_null_stays_null(make_loader):
    catalog = {"labels": {"type": "x", "location": "${params:data.val_labels}"}}
    loader = make_loader({"data": {"val_labels": None}}, catalog)
    assert loader["catalog"]["labels"]["location"] is None


def test_missing_name_is_an_error_that_names_it(make_loader):
    loader = make_loader({"data": {"rot": "here"}}, LABELS)
    with pytest.raises(Exception, match=r"\$\{params:data\.root\}.*do not have"):
        loader["catalog"]


def test_environments_name_only_what_differs(make_loader):
    loader = make_loader({"data": {"root": "a", "name": "b"}}, {}, local={"data": {"root": "c"}})
    assert loader["parameters"] == {"data": {"root": "c", "name": "b"}}


def test_parameters_read_the_environment_where_it_is_meant_for_them(make_loader, monkeypatch):
    monkeypatch.setenv("FACE_FORGERY_DATA", "/faces")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host")
    values = {
        "data": {"root": "${oc.env:FACE_FORGERY_DATA}"},
        "uri": "${oc.env:MLFLOW_TRACKING_URI, other}",
        "other": "${oc.env:FACE_FORGERY_NONE, fallback}",
    }
    loaded = make_loader(values, {})["parameters"]
    assert loaded == {"data": {"root": "/faces"}, "uri": "http://host", "other": "fallback"}


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "HOME"])
def test_parameters_read_nothing_else_of_the_environment(make_loader, monkeypatch, name):
    monkeypatch.setenv(name, "hunter2")
    given = {"tracking": {"run_name": f"${{oc.env:{name}}}"}}
    with pytest.raises(Exception, match=f"not {name}") as raised:
        make_loader({"tracking": {"run_name": None}}, {}, runtime_params=given)["parameters"]
    assert "hunter2" not in str(raised.value)


def test_a_tag_that_would_build_an_object_is_refused(make_loader, tmp_path):
    loader = make_loader({"data": {}}, {})
    trap = f"data: !!python/object/apply:os.mkdir [{tmp_path}/trap]"
    (tmp_path / "local/parameters.yml").write_text(trap)
    with pytest.raises(Exception, match="could not determine a constructor"):
        loader["parameters"]
    assert not (tmp_path / "trap").exists()


def test_the_parameters_are_read_once_for_a_catalog_and_anew_for_the_next(
    make_loader, tmp_path, monkeypatch
):
    names = ("root", "labels")
    catalog = {name: {"type": "x", "location": f"${{params:data.{name}}}"} for name in names}
    loader = make_loader({"data": dict.fromkeys(names, "here")}, catalog)
    read = []
    load = OmegaConf.load
    monkeypatch.setattr(OmegaConf, "load", lambda file: read.append(load(file)) or read[-1])
    assert loader["catalog"]["labels"]["location"] == "here"
    assert sum("data" in content for content in read) == 1
    (tmp_path / "base/parameters.yml").write_text(
        yaml.safe_dump({"data": dict.fromkeys(names, "x")})
    )
    assert loader["catalog"]["labels"]["location"] == "x"


def test_a_variable_that_is_not_set_is_named_in_one_line_with_its_parameter(make_loader):
    loader = make_loader({"data": {"root": "${oc.env:FACE_FORGERY_NONE}"}}, LABELS)
    message = r"^data\.root: FACE_FORGERY_NONE is not set in the environment; .*default$"
    with pytest.raises(ParameterError, match=message):
        loader["parameters"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("~", "{home}"),
        ("~/photos/*.jpg", "{home}/photos/*.jpg"),
        ("sqlite:///~/ml.db", "sqlite:///{home}/ml.db"),
        ("file://~/runs", "file://{home}/runs"),
        ("file:///~/runs", "file:///{home}/runs"),
        (["~/a", 1, None], ["{home}/a", 1, None]),
        ({"x": {"y": "~/a"}}, {"x": {"y": "{home}/a"}}),
        ("a~/b", "a~/b"),
        ("dir/~/b", "dir/~/b"),
        ("~nobody_of_that_name/b", "~nobody_of_that_name/b"),
        ("$HOME/a", "$HOME/a"),
    ],
)
@pytest.mark.parametrize("is_given_to_run", [True, False])
def test_a_tilde_is_the_home_folder_in_every_parameter(
    make_loader, monkeypatch, tmp_path, *, given, found, is_given_to_run
):
    monkeypatch.setenv("HOME", str(tmp_path))
    filled = yaml.safe_load(yaml.safe_dump(found).replace("{home}", str(tmp_path)))
    held = {"data": {"root": given}}
    how = {"runtime_params": held} if is_given_to_run else {"local": held}
    loader = make_loader({"data": {"root": ""}}, LABELS, **how)
    assert loader["parameters"]["data"]["root"] == filled
