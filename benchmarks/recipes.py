"""Train by several settings with several seeds, and judge each on parts it may never have seen.

Run: python benchmarks/recipes.py PLAN --root FOLDER [--labels labels.csv] [--landmarks CSV]
     [--weights FILE] [--work FOLDER] [--scenarios NAME ...] [--arms NAME ...] [--seeds 0 1 2]

``FOLDER`` has a label CSV with the columns img_name, target, source, kind and group. A plan, in
YAML (benchmarks/plans), names parameters for all runs, scenarios and arms:

    env: generalize                          # on top of conf/generalize; may be left out
    params: {model.backbone: mobilenetv1_100}
    scenarios:
      across:
        train: source == 'DFDC'              # a query over the columns
        val: source == 'DFDC'                # like train where it is left out
        tests: {other: "source != 'DFDC'"}
        degraded: true                       # tests on degraded copies, too; they take a while
    arms:
      plain: {augmentation.jpeg: 0.0}
    ensembles: {both: [plain, other]}        # the mean score of two arms; may be left out

A group whose name's SHA-256 begins with 8 hexadecimal digits divisible by 5 is never trained on: of
these groups is validation (in queries: the column ``held``), and a test has no image of a group
that is trained on. What these digits are, divided by 5 and rounded down, parts all groups once
more, the even from the odd: choices are made where ``quoted`` is false, in validation, too, and
numbers quoted from where it is true. Each run is
`kedro run --pipelines ingestion,splitting,training` in a copy of the project; the chosen epoch is
judged, with ``scoring.tta`` and ``scoring.precision``, on degraded copies, too, if asked for. With
a test goes the false-alarm rate where validation promises 1 %. What is measured is added to
results.jsonl in the work folder, and what is there is not run again: a plan that was stopped goes
on. Beside it stay the detectors and their scores; of several seeds, of an ensemble and of both
together the mean of their scores is judged, too. Two commands with different --seeds can share a
work folder.
"""

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from measuring import describe_machine
from numpy.typing import NDArray
from omegaconf import OmegaConf
from project_copy import PROJECT, lay_out_project, run_kedro
from scipy.special import logit

from face_forgery.data.degradation.operations import Degradation, list_degradations
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.data.loading.workers import iterate
from face_forgery.datasets.detector import DetectorDataset
from face_forgery.evaluation.calibration import apply_temperature, fit_temperature
from face_forgery.evaluation.metrics.bootstrap import Bootstrap, measure_auc
from face_forgery.evaluation.operating_points import choose_thresholds, measure_thresholds
from face_forgery.inference.degraded_scoring import score_degraded
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.forward_path import pick_device, score_batches
from face_forgery.params import PreprocessingParams

Scores = dict[str, NDArray[np.float64]]

HELD_OUT = 5  # a fifth of the groups
NUM_RESAMPLES = 1000
PIPELINES = "ingestion,splitting,training"
AUC, ALARMS = "auc", "false_alarms"
VALIDATION = "validation"
# What is tried of the degradations of `kedro run --pipelines robustness`.
DEGRADED = {("jpeg_quality", f"quality {quality}") for quality in (85, 70, 50, 30)} | {
    ("down_and_up", "x 0.5")
}
ALL_LEVELS = {"blur_sigma", "noise_sigma"}


@dataclass(frozen=True)
class Trial:
    """One run of a plan."""

    scenario: str
    arm: str
    seed: int
    params: dict[str, Any]
    train: pd.DataFrame
    val: pd.DataFrame
    tests: dict[str, pd.DataFrame]
    degraded: bool

    @property
    def name(self) -> str:
        """Return what the run is called in the results."""
        return f"{self.scenario}/{self.arm}/{self.seed}"

    @property
    def file_name(self) -> str:
        """Return what its files are called."""
        return self.name.replace("/", "-")


def main() -> None:
    """Run what is missing, and print the table."""
    options = _parse()
    work, results = options.work, options.work / "results.jsonl"
    for folder in ("scores", "detectors"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    machine = describe_machine("torch", "torchvision", "timm")
    print(machine, flush=True)
    plan = yaml.safe_load(options.plan.read_text())
    trials = list(_trials(plan, options))
    done = {row["trial"] for row in _read(results)}
    for trial in trials:
        if trial.name not in done:
            row = _run(trial, options) | {"machine": machine}
            with results.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(trial.name, json.dumps(row["tests"]), f"{row['seconds']:.0f} s", flush=True)
    names = {trial.name for trial in trials}
    _print_table([row for row in _read(results) if row["trial"] in names])
    _print_means(trials, plan.get("ensembles", {}), work)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--labels", default="labels.csv", help="in the root")
    parser.add_argument("--landmarks", type=Path, help="of real images; docs/forging.md")
    parser.add_argument("--weights", type=Path, help="of the backbone, before training")
    parser.add_argument("--work", type=Path, default=Path("data/recipes"))
    parser.add_argument("--scenarios", nargs="+")
    parser.add_argument("--arms", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    return parser.parse_args()


def _trials(plan: dict[str, Any], options: argparse.Namespace) -> Iterator[Trial]:
    rows = pd.read_csv(options.root / options.labels, dtype={"group": str})
    digests = rows["group"].map(lambda group: hashlib.sha256(group.encode()).hexdigest()[:8])
    numbers = digests.map(lambda digest: int(digest, 16))
    rows["held"] = held = numbers % HELD_OUT == 0
    rows["quoted"] = numbers // HELD_OUT % 2 == 0
    common = _of_environment(plan.get("env")) | dict(plan.get("params", {}))
    if options.weights is not None:
        common |= {"model.pretrained": False, "model.weights": str(options.weights.resolve())}
    if options.landmarks is not None:
        common["forging.landmarks"] = str(options.landmarks.resolve())
    for seed in options.seeds:
        for scenario in options.scenarios or plan["scenarios"]:
            what = plan["scenarios"][scenario]
            train = rows[~held].query(what["train"])
            val = rows[held].query(what.get("val", what["train"]))
            may_test = rows[~rows["group"].isin(train["group"])]
            tests = {name: may_test.query(query) for name, query in what["tests"].items()}
            for arm in options.arms or plan["arms"]:
                params = common | what.get("params", {}) | plan["arms"][arm]
                degraded = bool(what.get("degraded", False))
                yield Trial(scenario, arm, seed, params, train, val, tests, degraded)


def _of_environment(env: str | None) -> dict[str, Any]:
    """Return the parameters of a folder of conf, each by its whole name."""
    if env is None:
        return {}
    sections = yaml.safe_load((PROJECT / "conf" / env / "parameters.yml").read_text())
    flat: dict[str, Any] = pd.json_normalize(sections).iloc[0].to_dict()
    return flat


def _run(trial: Trial, options: argparse.Namespace) -> dict[str, Any]:
    project = options.work / f"project-{trial.file_name}"
    lay_out_project(project, _parameters(trial, options.root, project))
    for part, rows in (("train", trial.train), ("val", trial.val)):
        rows.drop(columns=["held", "quoted"]).to_csv(project / f"{part}.csv", index=False)
    start = time.monotonic()
    run_kedro(project, options.work / f"{trial.file_name}.log", PIPELINES)
    seconds = time.monotonic() - start
    history = json.loads((project / "data/08_reporting/training_history.json").read_text())
    tests, scores = _judge(trial, options.root, project)
    np.savez(options.work / "scores" / f"{trial.file_name}.npz", allow_pickle=False, **scores)
    kept = options.work / "detectors" / trial.file_name
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(project / "data/06_models/detector", kept)
    shutil.rmtree(project)
    return {
        "trial": trial.name,
        "scenario": trial.scenario,
        "arm": trial.arm,
        "seed": trial.seed,
        "params": trial.params,
        "num_train": len(trial.train),
        "seconds": seconds,
        "history": history,
        "tests": tests,
    }


def _parameters(trial: Trial, root: Path, project: Path) -> dict[str, Any]:
    """Return what differs from the base settings, by section; a command line holds no lists."""
    params = trial.params | {
        "data.root": str(root.resolve()),
        "data.train_labels": str((project / "train.csv").resolve()),
        "data.train_images": ".",
        "data.val_labels": str((project / "val.csv").resolve()),
        "data.val_images": ".",
        "data.test_labels": None,
        "splitting.leaks": "drop_from_train",
        "training.seed": trial.seed,
        "tracking.enabled": False,
    }
    sections = OmegaConf.create()
    for name, value in params.items():
        OmegaConf.update(sections, name, value)
    parameters: dict[str, Any] = OmegaConf.to_container(sections)
    return parameters


def _judge(trial: Trial, root: Path, project: Path) -> tuple[dict[str, Any], Scores]:
    """Return the AUC and the false-alarm rate of each test, with their intervals, and the scores.

    These are of each test and of validation, too, and of degraded copies.
    """
    detector: Detector = DetectorDataset(filepath=str(project / "data/06_models/detector")).load()
    precision = trial.params.get("scoring.precision", "float32")
    detector = detector.scored_by(precision, trial.params.get("scoring.tta", "none"))
    tests: dict[str, Any] = {}
    scores: Scores = {VALIDATION: _score(detector, trial.val, root)}
    for name, rows in trial.tests.items():
        scores[name] = _score(detector, rows, root)
        tests[name] = {
            AUC: _auc(scores[name], rows),
            ALARMS: _false_alarms(scores, name, trial),
            "num_real": int((rows["target"] == 0).sum()),
            "num_fake": int((rows["target"] == 1).sum()),
        }
        if trial.degraded:
            copies = scores[f"{name} degraded"] = _score_degraded(detector, rows, root)
            tests[name]["degraded"] = _aucs_of_copies(copies, rows)
    return tests, scores


def _score(detector: Detector, rows: pd.DataFrame, root: Path) -> NDArray[np.float64]:
    manifest = rows.assign(path=rows["img_name"], sha256=rows["img_name"])
    preprocessing = PreprocessingParams(
        image_size=detector.preprocessing.image_size,
        interpolation=detector.preprocessing.interpolation,
        scaled_decoding=detector.preprocessing.scaled_decoding,
    )
    dataset = ImageDataset.of(manifest, str(root), preprocessing)
    batches = iterate(eval_loader(dataset, batch_size=64, num_workers=1))
    device = pick_device()
    return score_batches(detector.build_network().to(device), batches, device)


def _degradations() -> list[Degradation]:
    return [
        degradation
        for degradation in list_degradations(["compression", "scaling", "blur_and_noise"])
        if (degradation.name, degradation.label) in DEGRADED or degradation.name in ALL_LEVELS
    ]


def _score_degraded(detector: Detector, rows: pd.DataFrame, root: Path) -> NDArray[np.float64]:
    """Return ``(N, 1 + D)``: the images as they are, and each kind of copy."""
    paths = [root / name for name in rows["img_name"]]
    return score_degraded(detector, paths, _degradations(), num_workers=1)


def _aucs_of_copies(scores: NDArray[np.float64], rows: pd.DataFrame) -> dict[str, list[float]]:
    names = ["clean", *(f"{one.title}, {one.label}" for one in _degradations())]
    return {name: _auc(scores[:, column], rows) for column, name in enumerate(names)}


def _auc(scores: NDArray[np.float64], rows: pd.DataFrame) -> list[float]:
    groups, targets = rows["group"].to_numpy(), rows["target"].to_numpy()
    measured = measure_auc(scores, targets, groups, Bootstrap(NUM_RESAMPLES, 0.95, seed=0))
    return [round(measured[part], 4) for part in ("value", "low", "high")]


def _calibrated(path: Path, trial: Trial) -> Scores:
    """Return the scores of a run, as members of an ensemble are calibrated (docs/ensembles.md)."""
    with np.load(path) as kept:
        margins = {test: logit(np.clip(kept[test], 1e-12, 1.0 - 1e-12)) for test in kept}
    temperature = fit_temperature(margins[VALIDATION], trial.val["target"].to_numpy())
    return {test: apply_temperature(values, temperature) for test, values in margins.items()}


def _false_alarms(scores: Scores, test: str, trial: Trial) -> list[float]:
    """Return how often real images of a test are called fake, with its interval."""
    chosen_on = trial.val["target"].to_numpy()
    thresholds = choose_thresholds(scores[VALIDATION], chosen_on, target_fpr=0.01, target_fnr=0.01)
    rows = trial.tests[test]
    targets, groups = rows["target"].to_numpy(), rows["group"].to_numpy()
    rates = measure_thresholds(scores[test], targets, groups, thresholds, confidence=0.95)
    return [round(rates["fpr"][part], 4) for part in ("value", "low", "high")]


def _read(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text().splitlines()]


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Print a line for each test and arm: every seed, their mean and their spread."""
    print("\n| scenario | test | arm | AUC by seed | mean | false alarms | minutes |")
    print("|---|---|---|---|---|---|---|")
    keys = {(row["scenario"], test, row["arm"]): None for row in rows for test in row["tests"]}
    for scenario, test, arm in keys:
        own = [row for row in rows if (row["scenario"], row["arm"]) == (scenario, arm)]
        minutes = np.mean([row["seconds"] for row in own]) / 60
        measured = [row["tests"][test][AUC] for row in own]
        seeds, mean = "; ".join(map(_interval, measured)), np.mean([one[0] for one in measured])
        alarms = "; ".join(_interval(row["tests"][test][ALARMS]) for row in own)
        print(f"| {scenario} | {test} | {arm} | {seeds} | {mean:.3f} | {alarms} | {minutes:.1f} |")
    _print_degraded(
        [(_title(row, name), test) for row in rows for name, test in row["tests"].items()]
    )


def _interval(measured: list[float]) -> str:
    value, low, high = measured
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _title(row: dict[str, Any], test: str) -> str:
    return f"{row['scenario']}, {row['arm']}, {test}"


def _print_means(trials: list[Trial], ensembles: dict[str, list[str]], work: Path) -> None:
    """Print what the mean score of an arm's seeds gives, and that of the arms of an ensemble."""
    for scenario in dict.fromkeys(trial.scenario for trial in trials):
        here = [trial for trial in trials if trial.scenario == scenario]
        for arm in dict.fromkeys(trial.arm for trial in here):
            _print_mean(arm, [trial for trial in here if trial.arm == arm], work)
        for name, arms in ensembles.items():
            members = [trial for trial in here if trial.arm in arms]
            if {trial.arm for trial in members} != set(arms):
                continue
            seeds = dict.fromkeys(trial.seed for trial in members)
            for seed in seeds:
                own = [trial for trial in members if trial.seed == seed]
                _print_mean(f"{name}, seed {seed}", own, work)
            if len(seeds) > 1:
                _print_mean(f"{name}, all seeds", members, work)


def _print_mean(name: str, members: list[Trial], work: Path) -> None:
    if len(members) < 2:
        return
    [first, *_] = members
    kept = [_calibrated(work / "scores" / f"{trial.file_name}.npz", trial) for trial in members]
    scores = {test: np.mean([one[test] for one in kept], axis=0) for test in kept[0]}
    for test, rows in first.tests.items():
        title = f"{first.scenario}, {name}, {test}, mean score of {len(members)}"
        print(f"\n{title}: {_interval(_auc(scores[test], rows))}; false alarms ", end="")
        print(_interval(_false_alarms(scores, test, first)))
        if first.degraded:
            copies = scores[f"{test} degraded"]
            _print_degraded([(title, {"degraded": _aucs_of_copies(copies, rows)})])


def _print_degraded(tests: list[tuple[str, dict[str, Any]]]) -> None:
    """Print what degraded copies cost, each kind and all together, mean of those of one title."""
    found = [(title, test["degraded"]) for title, test in tests if "degraded" in test]
    for what in dict.fromkeys(title for title, _ in found):
        own = [degraded for title, degraded in found if title == what]
        means = {kind: np.mean([one[kind][0] for one in own]) for kind in own[0]}
        clean = means.pop("clean")
        print(f"\n{what}, {len(own)} time(s): clean {clean:.3f}, degraded on average ", end="")
        print(f"{np.mean(list(means.values())):.3f}: ", end="")
        print("; ".join(f"{kind} {value:.3f}" for kind, value in means.items()))


if __name__ == "__main__":
    main()
