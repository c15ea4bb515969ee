"""Every folder of conf is an environment that can be run."""

from pathlib import Path

import pytest

from face_forgery.config_loader import ProjectConfigLoader
from face_forgery.params import check_parameters
from face_forgery.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[1] / "conf"
ENVIRONMENTS = sorted({path.parent.name for path in CONF.glob("*/parameters*.yml")})


def parameters_of(environment):
    loader = ProjectConfigLoader(conf_source=str(CONF), env=environment, **CONFIG_LOADER_ARGS)
    return check_parameters(loader["parameters"])


def test_there_are_those_of_the_readme():
    assert {"base", "baseline", "cluster", "strong"} <= set(ENVIRONMENTS)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_has_valid_parameters(environment):
    parameters_of(environment)


def test_two_networks_of_the_strong_recipe_keep_to_the_budget():
    from face_forgery.modeling.factory import build_network
    from face_forgery.modeling.network import count_parameters

    model = parameters_of("strong").model
    blank = model.model_copy(update={"pretrained": False})
    num_weights = count_parameters(build_network(blank, 256))
    assert num_weights > 80_000_000
    assert 2 * num_weights <= model.max_parameters == 200_000_000
    cut = blank.model_copy(update={"truncate_after": "stages.2"})
    assert count_parameters(build_network(cut, 256)) < num_weights
