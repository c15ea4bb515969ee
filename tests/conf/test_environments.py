"""Every environment of conf/ loads, and says what params expects."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from face_forgery.config_loader import ProjectConfigLoader, read_parameters
from face_forgery.params import Parameters, check_parameters
from face_forgery.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[2] / "conf"
ENVIRONMENTS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir())


def load(env, runtime_params=None):
    return ProjectConfigLoader(
        str(CONF), env=env, runtime_params=runtime_params, **CONFIG_LOADER_ARGS
    )


def names_in(values, prefix=""):
    """Dotted names of every value; an empty mapping is a value."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from names_in(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def names_of(section: type[BaseModel], prefix=""):
    """Dotted names of every field that is not itself a section."""
    for name, info in section.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from names_of(info.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_environments_are_the_documented_ones():
    text = (CONF / "README.md").read_text()
    assert [env for env in ENVIRONMENTS if f"`{env}/`" not in text] == []


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_environment_gives_parameters_that_pass_every_check(env):
    check_parameters(load(env)["parameters"])


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_environment_has_exactly_the_known_sections(env):
    assert set(load(env)["parameters"]) == set(Parameters.model_fields)


def test_base_gives_every_known_parameter_a_value_and_no_other():
    base = read_parameters(CONF)
    free = {  # their keys are names
        "ingestion.class_folders",
        "forging.kinds",
        "augmentation.forgeries.kinds",
    }
    shipped = {next((f for f in free if n.startswith(f)), n) for n in names_in(base)}
    assert shipped == set(names_of(Parameters))


@pytest.mark.parametrize("env", [env for env in ENVIRONMENTS if env not in {"base", "local"}])
def test_environment_names_only_parameters_of_base(env):
    base = set(names_in(load("base")["parameters"]))
    for file in sorted((CONF / env).rglob("parameters*.yml")):
        assert set(names_in(yaml.safe_load(file.read_text()))) <= base


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_catalog_of_environment_resolves(env):
    catalog = load(env)["catalog"]
    assert all("${" not in str(entry) for entry in catalog.values())


def test_mlflow_variable_is_the_default_of_the_tracking_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert load("base")["parameters"]["tracking"]["tracking_uri"] == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert load("base")["parameters"]["tracking"]["tracking_uri"] == "http://server:5000"


def test_a_given_tracking_store_is_stronger_than_the_mlflow_variable(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    given = {"tracking": {"tracking_uri": "sqlite:///other.db"}}
    loaded = load("base", runtime_params=given)
    assert loaded["parameters"]["tracking"]["tracking_uri"] == "sqlite:///other.db"
