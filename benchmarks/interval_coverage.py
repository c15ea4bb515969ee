"""How often the intervals of an evaluation cover the truth, where the truth is known.

Run: python benchmarks/interval_coverage.py [--repetitions 500] [--resamples 400] [--jobs 2]

Margins of real images are drawn from N(-a, 2a), of forgeries from N(a, 2a), half of each, with
a = 1.5: then a margin is the true log odds, and its sigmoid a calibrated score. Sharpened scores
are the sigmoid of twice the margin. Truths come from the normal distribution or by integration over
it. In the grouped set, images come in pairs of one class whose margins correlate by 0.5.

With --videos N the sets are N videos, half of each class, of 32 frames whose margins correlate by
0.7: resampled by video and, wrongly, by image; and videos scored by the mean of their frames.
"""

import argparse
import time

import numpy as np
from joblib import Parallel, delayed
from measuring import describe_machine
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from face_forgery.data.splits.calibration_split import choose_calibration_split
from face_forgery.evaluation.calibration import apply_temperature
from face_forgery.evaluation.metrics.bootstrap import Bootstrap, measure_auc
from face_forgery.evaluation.metrics.metric_report import FALSE_POSITIVE_RATES, evaluate
from face_forgery.evaluation.metrics.proportions import measure_proportion, measure_rare_rate
from face_forgery.evaluation.metrics.weighted import NUM_BINS
from face_forgery.evaluation.operating_points import set_operating_points

SHIFT = 1.5
SPREAD = np.sqrt(2 * SHIFT)
FRAMES, ALIKE = 32, 0.7  # of a video: number, and correlation of their margins
SETS = {
    "calibrated": {"sharpness": 1.0, "is_paired": False},
    "sharpened": {"sharpness": 2.0, "is_paired": False},
    "in pairs": {"sharpness": 1.0, "is_paired": True},
}


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--videos", type=int, nargs="+")
    arguments = parser.parse_args()
    if arguments.videos:
        cover_videos(arguments)
        return
    print(describe_machine("numpy", "scipy", "scikit-learn"))
    print(f"seeds 0 to {arguments.repetitions - 1}, {arguments.resamples} resamples\n")
    columns = {}
    start = time.perf_counter()
    for name, settings in SETS.items():
        for size in arguments.sizes:
            covered = Parallel(n_jobs=arguments.jobs)(
                delayed(repeat)(seed, size, arguments.resamples, **settings)
                for seed in range(arguments.repetitions)
            )
            columns[f"{name}, {size:,}"] = {
                metric: np.mean([one[metric] for one in covered if metric in one])
                for metric in sorted({metric for one in covered for metric in one})
            }
    print_table(columns)
    print(f"\n{time.perf_counter() - start:.0f} s")


def cover_videos(arguments: argparse.Namespace) -> None:
    """Measure what intervals of frames and videos cover, and print it."""
    print(describe_machine("numpy", "scipy", "scikit-learn"))
    print(f"seeds 0 to {arguments.repetitions - 1}, {arguments.resamples} resamples\n")
    start = time.perf_counter()
    truth = find_video_auc()
    columns = {}
    for number in arguments.videos:
        covered = Parallel(n_jobs=arguments.jobs)(
            delayed(repeat_videos)(seed, number, arguments.resamples, truth)
            for seed in range(arguments.repetitions)
        )
        names = covered[0]
        columns[f"{number} videos"] = {
            name: np.mean([one[name] for one in covered]) for name in names
        }
    print_table(columns)
    print(f"\nAUC of videos: {truth:.4f}; {time.perf_counter() - start:.0f} s")


def draw_videos(rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return margins ``(N, 32)``, and the target and number of each video."""
    targets = np.arange(number) % 2
    shared, own = rng.normal(size=(number, 1)), rng.normal(size=(number, FRAMES))
    noise = np.sqrt(ALIKE) * shared + np.sqrt(1 - ALIKE) * own
    return SHIFT * (2 * targets[:, None] - 1) + SPREAD * noise, targets, np.arange(number)


def find_video_auc() -> float:
    """AUC of the mean score of the frames, of 400,000 videos."""
    margins, targets, _ = draw_videos(np.random.default_rng(2**32 - 1), 400_000)
    return float(roc_auc_score(targets, apply_temperature(margins, 1.0).mean(axis=1)))


def repeat_videos(seed: int, number: int, num_resamples: int, truth: float) -> dict[str, bool]:
    """Draw one set of videos and say for each interval whether it covers the truth."""
    margins, of_video, videos = draw_videos(np.random.default_rng(seed), number)
    scores = apply_temperature(margins, 1.0)
    targets, groups = np.repeat(of_video, FRAMES), np.repeat(videos, FRAMES)
    bootstrap = Bootstrap(num_resamples, 0.95, seed)
    frames = scores.ravel()
    distance = 2 * SHIFT / SPREAD
    of_frames = float(norm.cdf(distance / np.sqrt(2)))
    is_alarm = margins.ravel()[targets == 0] > norm.isf(0.01, -SHIFT, SPREAD)
    of_real = groups[targets == 0]
    found = {
        "AUC of images, by video": (measure_auc(frames, targets, groups, bootstrap), of_frames),
        "AUC of images, by image (wrong)": (
            measure_auc(frames, targets, np.arange(len(frames)), bootstrap),
            of_frames,
        ),
        "AUC of videos, by video": (
            measure_auc(scores.mean(axis=1), of_video, videos, bootstrap),
            truth,
        ),
        "false alarms of 1 %, measure_proportion": (
            measure_proportion(is_alarm, of_real, confidence=0.95),
            0.01,
        ),
        "false alarms of 1 %, measure_rare_rate": (
            measure_rare_rate(is_alarm, of_real, confidence=0.95),
            0.01,
        ),
    }
    covered = {name: one["low"] <= true <= one["high"] for name, (one, true) in found.items()}
    rates = [name for name in found if name.startswith("false alarms")]
    return covered | {f"{name}: wrongly held": found[name][0]["high"] < 0.01 for name in rates}


def repeat(
    seed: int, size: int, num_resamples: int, *, sharpness: float, is_paired: bool
) -> dict[str, bool]:
    """Draw one set and say for each interval whether it covers the truth."""
    rng = np.random.default_rng(seed)
    if is_paired:
        targets = np.repeat(np.arange(size // 2) % 2, 2)
        shared, own = np.repeat(rng.normal(size=size // 2), 2), rng.normal(size=size)
        noise, groups = (shared + own) / np.sqrt(2), np.repeat(np.arange(size // 2), 2)
    else:
        targets, noise, groups = np.arange(size) % 2, rng.normal(size=size), np.arange(size)
    scores = apply_temperature(SHIFT * (2 * targets - 1) + SPREAD * noise, 1 / sharpness)
    truths = list_truths(sharpness)
    metrics, _ = evaluate(scores, targets, groups, Bootstrap(num_resamples, 0.95, seed))
    covered = {
        name: metrics[name]["low"] <= truth <= metrics[name]["high"]
        for name, truth in truths.items()
        if metrics[name]["value"] is not None
    }
    points = set_operating_points(
        scores,
        targets,
        groups,
        choose_calibration_split(groups, targets, seed=seed),
        target_fpr=0.05,
        target_fnr=0.05,
        confidence=0.95,
    )
    true_rates = list_true_rates(points, sharpness)
    for name, truth in true_rates.items():
        covered[f"{name} at the threshold"] = points[name]["low"] <= truth <= points[name]["high"]
    return covered


def list_truths(sharpness: float) -> dict[str, float]:
    """True values of all metrics; see the module for the distribution."""
    distance = 2 * SHIFT / SPREAD
    fpr = np.concatenate([[0.0], np.geomspace(1e-9, 1.0, 400_001)])
    tpr = norm.sf(norm.isf(fpr) - distance)
    within = fpr <= 0.1
    area = float(np.trapezoid(tpr[within], fpr[within]))
    precision = np.append(1.0, tpr[1:] / (tpr[1:] + fpr[1:]))
    margins = np.linspace(-25, 25, 400_001)
    real, fake = (norm.pdf(margins, side * SHIFT, SPREAD) / 2 for side in (-1, 1))
    scores = apply_temperature(margins, 1 / sharpness)
    step = margins[1] - margins[0]
    bins = np.minimum((scores * NUM_BINS).astype(int), NUM_BINS - 1)
    excess = np.bincount(bins, (scores * (real + fake) - fake) * step)
    losses = np.logaddexp(0, sharpness * margins)
    return {
        "auc": float(norm.cdf(distance / np.sqrt(2))),
        "partial_auc_fpr_1e-1": (1 + (area - 0.005) / (0.1 - 0.005)) / 2,
        "average_precision": float(np.trapezoid(precision, tpr)),
        "eer": float(norm.cdf(-distance / 2)),
        "accuracy": float(norm.cdf(distance / 2)),
        "log_loss": float(((real + fake) * losses - fake * sharpness * margins).sum() * step),
        "brier": float((real * scores**2 + fake * (1 - scores) ** 2).sum() * step),
        "ece": float(np.abs(excess).sum()),
        **{
            name: float(norm.sf(norm.isf(rate) - distance))
            for name, rate in FALSE_POSITIVE_RATES.items()
        },
    }


def list_true_rates(points: dict, sharpness: float) -> dict[str, float]:
    """True rates of the thresholds that were chosen."""
    real, fake = (
        np.log(threshold / (1 - threshold)) / sharpness
        for threshold in (points["real_threshold"], points["fake_threshold"])
    )
    rates = {
        "fpr": float(norm.sf(fake, -SHIFT, SPREAD)),
        "tpr": float(norm.sf(fake, SHIFT, SPREAD)),
        "fnr": float(norm.cdf(real, SHIFT, SPREAD)),
    }
    return rates | {"coverage": 1 - (rates["fpr"] + rates["fnr"]) / 2}


def print_table(columns: dict[str, dict[str, float]]) -> None:
    """Print proportions in percent, a row a metric."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    print("| interval of | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name in names:
        cells = [f"{100 * col[name]:.1f}" if name in col else "" for col in columns.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
