"""Memory over time of all parts of the load test, in one figure."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from load_sampling import Sample, read_samples, second_half, slope
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    SHADE,
    make_figure,
    style_axes,
)

THIRD_COLOR = "#009e73"  # green of Okabe and Ito
SERVERS = {"served": ("served detector", REAL_COLOR), "page": ("page", FAKE_COLOR)}
PICTURES = {
    "ingestion_headers": ("ingestion, headers", REAL_COLOR, "inspect_images"),
    "ingestion_pixels": ("ingestion, pixels", FAKE_COLOR, "inspect_images"),
    "inference": ("inference", THIRD_COLOR, "judge_images"),
}


def draw(work: Path) -> Figure:
    """Return a panel a kind of load; a kind without samples is left out."""
    kinds = [
        (_draw_servers, tuple(SERVERS)),
        (_draw_pictures, tuple(PICTURES)),
        (_draw_training, ("training",)),
    ]
    there = [draw for draw, names in kinds if any(_read(work, name) for name in names)]
    figure = make_figure(8, 3.2 * len(there))
    for axes, draw_kind in zip(
        figure.subplots(len(there), squeeze=False)[:, 0], there, strict=True
    ):
        draw_kind(axes, work)
        axes.set_ylim(0, 1.35 * axes.get_ylim()[1])
    return figure


def _draw_servers(axes: Axes, work: Path) -> None:
    style_axes(
        axes,
        title="Servers, asked twice as often as they can answer",
        xlabel="seconds since twice the load began",
        ylabel="resident, MiB",
    )
    length = 0.0
    for name, (label, color) in SERVERS.items():
        samples = _read(work, name)
        load = [sample.seconds for sample in samples if sample.stage == "load"]
        if load:
            length = max(length, load[-1] - load[0])
            _line(axes, [s.seconds - load[0] for s in samples], samples, label, color)
    if length:
        axes.axvspan(0, length, color=SHADE, zorder=0)
        axes.text(length / 2, 0.04, "twice the load", transform=axes.get_xaxis_transform(),
                  ha="center", color=MUTED, fontsize=9)  # fmt: skip
    _legend(axes)


def _draw_pictures(axes: Axes, work: Path) -> None:
    count = _fact(work, "inference", "pictures") or _fact(work, "ingestion_headers", "pictures")
    style_axes(
        axes,
        title="Many pictures" if count is None else f"{count:,} pictures",
        xlabel="share of the pictures' time, %",
        ylabel="resident, MiB",
    )
    for name, (label, color, node) in PICTURES.items():
        samples = [sample for sample in _read(work, name) if sample.stage == node]
        if samples:
            first, last = samples[0].seconds, samples[-1].seconds
            places = [100 * (s.seconds - first) / (last - first) for s in samples]
            rise = _trend(axes, places, second_half(samples), lambda s: s.seconds)
            told = f"{label}, {last - first:,.0f} s, {rise:+.1f} MiB"
            _line(axes, places, samples, told, color)
    axes.axvspan(50, 100, color=SHADE, zorder=0)
    axes.text(75, 0.04, "what is judged", transform=axes.get_xaxis_transform(),
              ha="center", color=MUTED, fontsize=9)  # fmt: skip
    axes.set_xlim(0, 100)
    _legend(axes)


def _draw_training(axes: Axes, work: Path) -> None:
    samples = [s for s in _read(work, "training") if s.stage == "train_detector" and s.done]
    num_epochs = samples[-1].done
    while samples[-1].processes < samples[0].processes:  # the loaders have ended
        samples.pop()
    epochs = [float(sample.done) for sample in samples]
    seconds = samples[-1].seconds - samples[0].seconds
    title = f"{num_epochs} epochs of training, {seconds / 60:.0f} min"
    style_axes(axes, title=title, xlabel="epochs", ylabel="resident, MiB")
    first = float(_fact(work, "training", "first epoch judged") or epochs[0])
    axes.axvspan(first, epochs[-1], color=SHADE, zorder=0)
    axes.text((first + epochs[-1]) / 2, 0.04, "what is judged",
              transform=axes.get_xaxis_transform(), ha="center", color=MUTED,
              fontsize=9)  # fmt: skip
    axes.set_xlim(0, epochs[-1])
    late = [sample for sample in samples if sample.done >= first]
    rise = _trend(axes, epochs, late, lambda s: s.done)
    told = f"training, its loaders included, {rise:+.1f} MiB"
    _line(axes, epochs, samples, told, REAL_COLOR)
    _legend(axes)


def _line(
    axes: Axes, places: Sequence[float], samples: Sequence[Sample], label: str, color: str
) -> None:
    axes.plot(places, [s.resident for s in samples], color=color, linewidth=1.4, label=label)


def _trend(
    axes: Axes,
    places: Sequence[float],
    late: Sequence[Sample],
    over: Callable[[Sample], float],
) -> float:
    """Draw the slope that is judged, dashed, and return what it comes to, in MiB."""
    rise = slope(late, over) * (over(late[-1]) - over(late[0]))
    middle = sorted(sample.resident for sample in late)[len(late) // 2]
    ends = places[-len(late)], places[-1]
    heights = [middle - rise / 2, middle + rise / 2]
    axes.plot(ends, heights, color=INK, linewidth=1, linestyle="--", zorder=3)
    return rise


def _legend(axes: Axes) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", frameon=False, fontsize=9)


def _read(work: Path, name: str) -> list[Sample]:
    path = work / f"{name}.csv"
    return read_samples(path) if path.exists() else []


def _fact(work: Path, name: str, fact: str) -> int | None:
    path = work / f"{name}.json"
    if not path.exists():
        return None
    value: int | None = json.loads(path.read_text())["facts"].get(fact)
    return value
