"""Every rule of params speaks when it is broken."""

import re
from copy import deepcopy
from pathlib import Path

import pytest

from face_forgery.config_loader import read_parameters
from face_forgery.params import ParameterError, check_parameters
from face_forgery.params.renamed import RENAMED

BASE = read_parameters(Path(__file__).parents[1] / "conf")


def base_with(**changes):
    """The shipped parameters; keywords are dotted names with ``__`` for the dot."""
    values = deepcopy(BASE)
    for name, value in changes.items():
        *sections, key = name.split("__")
        place = values
        for section in sections:
            place = place[section]
        place[key] = value
    return values


CONTRADICTIONS = [
    ({"splitting__holdout__hold_out": 2}, "hold_out=2 has no effect while by is null"),
    (
        {"splitting__holdout__by": "kind", "splitting__holdout__hold_out": ["a", "a"]},
        r"hold_out=\['a', 'a'\] names a group twice",
    ),
    (
        {"training__select_by": "holdout_worst"},
        "training.select_by=holdout_worst needs hold-out groups that training does not see",
    ),
    ({"data__test_images": None}, "test_labels is set but test_images is null"),
    ({"splitting__fold": 1}, "fold=1 has no effect while num_folds is null"),
    ({"splitting__num_folds": 5, "splitting__fold": 5}, "fold=5 does not exist; num_folds=5"),
    (
        {"splitting__num_folds": 5},
        r"num_folds=5 has no effect while data.val_labels=valset_label.txt sets validation apart",
    ),
    ({"model__options": {"num_classes": 3}}, r"must not hold \['num_classes'\]"),
    ({"model__options": {"checkpoint_path": "evil.pth"}}, r"must not hold \['checkpoint_path'\]"),
    ({"model__options": {"pretrained_cfg_overlay": {}, "in_chans": 1}}, r"\['in_chans', 'pretr"),
    ({"augmentation__blur_sigma": [-1.0, 1.0]}, r"blur_sigma=\[-1.0, 1.0\] is not an ascending"),
    ({"augmentation__noise_sigma": [1.0, float("inf")]}, r"noise_sigma=\[1.0, inf\] is not"),
    ({"augmentation__jpeg_quality": [0, 95]}, r"jpeg_quality=\[0, 95\] leaves 1 to 100"),
    ({"augmentation__jpeg_quality": [50, 101]}, r"jpeg_quality=\[50, 101\] leaves 1 to 100"),
    (
        {"training__schedule": {"name": "step", "step_epochs": 4, "gamma": None}},
        "name=step needs step_epochs and gamma",
    ),
    (
        {"training__schedule": {"name": "cosine", "step_epochs": 4, "gamma": None}},
        "step_epochs and gamma have no effect with name=cosine",
    ),
    (
        {"training__loss__alignment": 0.5, "training__batch_size": 1},
        r"loss.alignment compares the images of a batch, and batch_size=1; raise",
    ),
    (
        {"training__loss__alignment": 0.5, "training__mixup_alpha": 0.2},
        "mixed images have two; set mixup_alpha=0 and cutmix_alpha=0",
    ),
    (
        {"training__loss__alignment": 0.5, "training__cutmix_alpha": 0.2},
        "mixed images have two; set mixup_alpha=0 and cutmix_alpha=0",
    ),
    (
        {"training__loss__alignment": 0.5, "training__compile": True},
        r"compile=true does not go with loss.alignment,",
    ),
    (
        {"model__lora": {"target_modules": 3}},
        r"target_modules=3: target_modules is a text",
    ),
    ({"model__lora": {"r": "x"}}, r"r='x': target_modules is a text, the others are not"),
    ({"model__lora": {"target_modules": "("}}, r"target_modules is no regular expression"),
    (
        {"training__feature_views": 2},
        r"feature_views=2 keeps the features of a frozen backbone, and model.fine_tuning=full",
    ),
    (
        {
            "training__feature_views": 2,
            "model__fine_tuning": "linear",
            "training__mixup_alpha": 0.2,
        },
        r"feature_views=2 goes with neither MixUp",
    ),
    (
        {"training__sampling": "paired", "training__batch_size": 33},
        r"sampling=paired needs an even batch_size, and it is 33",
    ),
    (
        {"training__loss__uniformity": 0.5, "training__batch_size": 1},
        r"loss.uniformity compares the images of a batch",
    ),
    (
        {"training__loss__alignment": 0.5, "model__fine_tuning": "linear"},
        r"loss.alignment has no effect while model.fine_tuning=linear",
    ),
    ({"forging__kinds": {"face_swap": 0.0}}, r"forging.kinds: it leaves nothing to make"),
    (
        {"augmentation__forgeries__kinds": {"face_swap": 0.0}},
        r"augmentation.forgeries.kinds: it leaves nothing to make",
    ),
    (
        {"tracking__run_id": "abc", "tracking__run_name": "mine"},
        "run_name='mine' has no effect on the existing run 'abc'",
    ),
]

OUT_OF_RANGE = [
    ({"ingestion__max_rejected": 1.5}, "ingestion.max_rejected: .*less than or equal to 1"),
    ({"splitting__val_fraction": 0.0}, "splitting.val_fraction: .*greater than 0"),
    ({"splitting__num_folds": 1}, "splitting.num_folds: .*greater than or equal to 2"),
    ({"splitting__leaks": "ignore"}, "splitting.leaks: .*'refuse' or 'drop_from_train'"),
    ({"preprocessing__image_size": 16}, "preprocessing.image_size: .*equal to 32"),
    ({"preprocessing__interpolation": "nearest"}, "'bilinear' or 'bicubic'"),
    ({"augmentation__blur": 1.01}, "augmentation.blur: .*less than or equal to 1"),
    ({"augmentation__crop_scale": 0.0}, "augmentation.crop_scale: .*greater than 0"),
    ({"training__optimizer__learning_rate": 0.0}, "learning_rate: .*greater than 0"),
    ({"training__loss__alignment": -1.0}, "training.loss.alignment: .*equal to 0"),
    ({"model__fine_tuning": "low_rank"}, "'full', 'linear', 'last', 'norm' or 'lora'"),
    ({"model__max_parameters": 0}, "model.max_parameters: .*greater than or equal to 1"),
    ({"ensemble__other_data": "ignore"}, "ensemble.other_data: .*'refuse' or 'allow'"),
    ({"model__lora": {"r": 0}}, "model.lora: r=0 is not a whole number of at least 1"),
    ({"training__grad_clip_norm": 0.0}, "training.grad_clip_norm: .*greater than 0"),
    ({"training__precision": "float16"}, "'float32', 'bfloat16' or 'auto'"),
    ({"evaluation__num_resamples": 10}, "evaluation.num_resamples: .*equal to 100"),
    ({"submission__unreadable_score": -0.1}, "submission.unreadable_score: .*equal to 0"),
    ({"demo_data__image_size": 32}, "demo_data.image_size: .*equal to 64"),
    ({"augmentation__degradation": 1.5}, "augmentation.degradation: .*equal to 1"),
    (
        {"augmentation__forgeries__proportion": 2.0},
        "augmentation.forgeries.proportion: .*equal to 1",
    ),
    ({"augmentation__forgeries__strength": 3.0}, "forgeries.strength: .*equal to 2"),
    ({"forging__kinds": {"face_swop": 1.0}}, "forging.kinds.face_swop"),
    ({"forging__kinds": {"face_swap": -1.0}}, "forging.kinds.face_swap: .*equal to 0"),
    (
        {"tracking__tracking_uri": ""},
        "tracking.tracking_uri: it is empty.* was a variable",
    ),
]


def test_shipped_parameters_pass():
    parameters = check_parameters(base_with())
    assert parameters.training.epochs == BASE["training"]["epochs"]


@pytest.mark.parametrize(("changes", "message"), CONTRADICTIONS + OUT_OF_RANGE)
def test_broken_rule_is_named(changes, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(base_with(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training__batchsize": 8}, r"training\.batchsize: unknown .* mean training\.batch_size"),
        ({"training__optimizer__lr": 0.1}, r"training\.optimizer\.lr: unknown parameter"),
        ({"modell": {}}, r"modell: unknown parameter; did you mean model"),
    ],
)
def test_unknown_name_comes_with_the_nearest_names(changes, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(base_with(**changes))


def test_missing_parameter_or_section_is_named():
    values = base_with()
    del values["training"]["seed"], values["scoring"]
    with pytest.raises(ParameterError) as caught:
        check_parameters(values)
    assert "training.seed: Field required" in str(caught.value)
    assert "scoring: Field required" in str(caught.value)


def test_all_faults_are_listed_at_once_by_name_without_a_word_on_how_to_set_them():
    with pytest.raises(ParameterError) as caught:
        check_parameters(base_with(training__epochs=0, trainng={}, model__pretrained="maybe"))
    first, *faults = str(caught.value).splitlines()
    assert first == "3 fault(s) in the parameters:"
    assert len(faults) == 3


def test_parameters_do_not_change_after_loading():
    parameters = check_parameters(base_with())
    with pytest.raises(ValueError, match="frozen"):
        parameters.training.epochs = 3


@pytest.mark.parametrize(("num_cores", "expected"), [(1, 1), (2, 2), (64, 16)])
def test_auto_is_a_worker_for_each_core_up_to_a_limit(monkeypatch, num_cores, expected):
    monkeypatch.setattr("joblib.cpu_count", lambda: num_cores)
    params = check_parameters(base_with())
    sections = (params.ingestion, params.training, params.scoring, params.demo_data, params.forging)
    assert {section.num_workers for section in sections} == {expected}
    given = check_parameters(base_with(training__num_workers=0, scoring__num_workers=40))
    assert (given.training.num_workers, given.scoring.num_workers) == (0, 40)


@pytest.mark.parametrize("value", [-1, "many", None, 1.5])
def test_a_number_of_workers_is_auto_or_a_count(value):
    with pytest.raises(ParameterError, match=r"training\.num_workers"):
        check_parameters(base_with(training__num_workers=value))


@pytest.mark.parametrize("name", sorted(RENAMED))
def test_an_old_name_is_gone_and_says_what_to_do(name):
    values = base_with()
    *sections, key = name.split(".")
    section = values
    for part in sections:
        section = section.get(part, {})
    assert key not in section
    section[key] = None
    if sections and sections[0] in BASE:
        with pytest.raises(ParameterError, match=re.escape(f"{name}: {RENAMED[name]}")):
            check_parameters(values)
