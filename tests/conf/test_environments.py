"""Every environment of conf/ loads and is what params expects, with `--params` over it."""

from pathlib import Path

import pytest
import yaml
from kedro.framework.cli.utils import _split_params
from pydantic import BaseModel

from face_forgery.config_loader import ProjectConfigLoader
from face_forgery.params import Parameters, check_parameters
from face_forgery.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[2] / "conf"
ENVIRONMENTS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir())
FREE = {  # their keys are names
    "ingestion.class_folders",
    "ingestion.targets",
    "forging.kinds",
    "augmentation.forgeries.kinds",
    "model.lora",
    "model.options",
}


def load(env="base", params=""):
    given = _split_params(None, None, params) if params else None
    return ProjectConfigLoader(str(CONF), env=env, runtime_params=given, **CONFIG_LOADER_ARGS)


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
def test_an_environment_passes_every_check_with_the_known_sections_alone(env):
    values = load(env)["parameters"]
    check_parameters(values)
    assert set(values) == set(Parameters.model_fields)


def test_base_gives_every_known_parameter_a_value_and_no_other():
    base = names_in(load()["parameters"])
    shipped = {next((free for free in FREE if name.startswith(free)), name) for name in base}
    assert shipped == set(names_of(Parameters))


@pytest.mark.parametrize("env", [env for env in ENVIRONMENTS if env not in {"base", "local"}])
def test_an_environment_names_only_parameters_of_base(env):
    base = set(names_of(Parameters))
    for file in sorted((CONF / env).rglob("parameters*.yml")):
        names = set(names_in(yaml.safe_load(file.read_text())))
        assert {next((one for one in FREE if name.startswith(one)), name) for name in names} <= base


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_catalog_of_an_environment_resolves(env):
    catalog = load(env)["catalog"]
    assert all("${" not in str(entry) for entry in catalog.values())


def test_the_mlflow_variable_is_the_default_of_the_tracking_store(monkeypatch):
    def uri(params=""):
        return load(params=params)["parameters"]["tracking"]["tracking_uri"]

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert uri() == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert uri() == "http://server:5000"
    assert uri("tracking.tracking_uri=sqlite:///other.db") == "sqlite:///other.db"


@pytest.mark.slow
def test_the_generalizing_recipe_has_an_encoder_that_ends_early():
    from face_forgery.modeling.factory import build_network
    from face_forgery.modeling.network import count_parameters

    parameters = check_parameters(load("generalize")["parameters"])
    blank = parameters.model.model_copy(update={"pretrained": False})
    network = build_network(blank, parameters.preprocessing.image_size)
    assert 50_000 < count_parameters(network) < 60_000  # three of the seven stages


@pytest.mark.parametrize(
    ("text", "section", "expected"),
    [
        ("training.epochs=3,training.batch_size=7", "training", {"epochs": 3, "batch_size": 7}),
        ("data.root=/data/faces", "data", {"root": "/data/faces"}),
        ("data.val_labels=null,data.val_images=null", "data", {"val_labels": None}),
        ("data.train_images=.", "data", {"train_images": "."}),
        ("training.grad_clip_norm=null", "training", {"grad_clip_norm": None}),
        ("training.resume=true", "training", {"resume": True}),
        ("model.options.bn_eps=1e-3", "model", {"options": {"bn_eps": 1e-3}}),
        ("tracking.enabled=false", "tracking", {"enabled": False}),
        ("tracking.tracking_uri=http://h:5000", "tracking", {"tracking_uri": "http://h:5000"}),
        ("tracking.skip_pipelines=[]", "tracking", {"skip_pipelines": ()}),
        ("tracking.skip_pipelines=[training]", "tracking", {"skip_pipelines": ("training",)}),
    ],
)
def test_a_value_of_the_command_line_arrives_typed(text, section, expected):
    given = getattr(check_parameters(load(params=text)["parameters"]), section)
    assert {name: getattr(given, name) for name in expected} == expected


def test_a_float_in_scientific_notation_arrives_as_a_number_and_keeps_its_neighbors():
    values = load(params="training.optimizer.learning_rate=1e-4")["parameters"]
    optimizer = check_parameters(values).training.optimizer
    assert optimizer.learning_rate == 1e-4
    assert optimizer.name == "adamw"
