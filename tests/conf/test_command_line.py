"""What `--params` means by the time parameters are checked."""

from pathlib import Path

import pytest
from kedro.framework.cli.utils import _split_params

from face_forgery.config_loader import ProjectConfigLoader
from face_forgery.params import ParameterError, check_parameters
from face_forgery.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[2] / "conf"


def parameters_after(text):
    """The typed parameters of ``kedro run --params TEXT``."""
    loader = ProjectConfigLoader(
        str(CONF),
        env="base",
        runtime_params=_split_params(None, None, text),
        **CONFIG_LOADER_ARGS,
    )
    return check_parameters(loader["parameters"])


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("training.epochs=20", "training", "epochs", 20),
        ("data.root=/data/faces", "data", "root", "/data/faces"),
        ("data.val_labels=null,data.val_images=null", "data", "val_labels", None),
        ("data.train_images=.", "data", "train_images", "."),
        ("training.grad_clip_norm=null", "training", "grad_clip_norm", None),
        ("training.resume=true", "training", "resume", True),
        ("model.options.bn_eps=1e-3", "model", "options", {"bn_eps": 1e-3}),
        ("tracking.enabled=false", "tracking", "enabled", False),
        ("tracking.tracking_uri=http://h:5000", "tracking", "tracking_uri", "http://h:5000"),
        ("tracking.skip_pipelines=[]", "tracking", "skip_pipelines", ()),
        ("tracking.skip_pipelines=[training]", "tracking", "skip_pipelines", ("training",)),
    ],
)
def test_value_arrives_typed(text, section, key, value):
    assert getattr(getattr(parameters_after(text), section), key) == value


def test_float_in_scientific_notation_arrives_as_a_number_and_keeps_its_neighbors():
    optimizer = parameters_after("training.optimizer.learning_rate=1e-4").training.optimizer
    assert optimizer.learning_rate == 1e-4
    assert optimizer.name == "adamw"


def test_two_values_of_one_section_both_arrive():
    training = parameters_after("training.epochs=3,training.batch_size=7").training
    assert (training.epochs, training.batch_size) == (3, 7)


def test_unknown_name_is_refused_with_the_nearest_ones():
    with pytest.raises(ParameterError, match=r"training\.epoch: .*did you mean training\.epochs"):
        parameters_after("training.epoch=5")


def test_unknown_section_is_refused():
    with pytest.raises(ParameterError, match=r"trainig: unknown parameter; did you mean training"):
        parameters_after("trainig.epochs=5")
