"""Planted shortcuts are found and named; noise and groups are none."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from face_forgery.data.images.decoding import ImageError
from face_forgery.evaluation.audits.shortcuts import STATISTICS, measure_statistics, probe_shortcuts
from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.reporting.result_figures import draw_shortcuts
from face_forgery.evaluation.reporting.style import FAKE_COLOR

NUM = 400


@pytest.fixture
def facts():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "target": np.arange(NUM) % 2,
            "group": [f"g{n // 4}" for n in range(NUM)],
            "source": "one",
            "format": "JPEG",
            "num_bytes": rng.integers(9000, 11000, NUM),
            "width": 200,
            "height": 200,
            "jpeg_quality": pd.array(rng.integers(70, 96, NUM), dtype="Int64"),
        }
    )


@pytest.fixture
def statistics():
    rng = np.random.default_rng(1)
    return pd.DataFrame({name: rng.normal(size=NUM) for name in ("mean_r", "noise", "entropy")})


def probe(facts, statistics):
    how = Bootstrap(num_resamples=100, confidence=0.95, seed=0)
    rows = probe_shortcuts(facts, statistics, limit=0.65, num_folds=5, bootstrap=how)
    return {(row["source"], row["probe"]): row for row in rows}


def test_noise_is_no_shortcut(facts, statistics):
    rows = probe(facts, statistics)
    assert not any(row["is_warning"] for row in rows.values())
    assert 0.4 < rows[None, STATISTICS]["auc"]["value"] < 0.6
    assert rows[None, "file format"]["note"] == "the same in every image"


def test_a_label_that_depends_on_jpeg_quality_is_found_and_named(facts, statistics):
    forged = facts["target"] == 1
    facts.loc[forged, "jpeg_quality"] = facts.loc[forged, "jpeg_quality"] - 8
    rows = probe(facts, statistics)
    warned = {name for (_, name), row in rows.items() if row["is_warning"]}
    assert warned == {"JPEG quality", "all facts of the file"}
    assert rows[None, "all facts of the file"]["strongest"][0] == "jpeg_quality"


def test_a_statistic_that_tells_is_named_without_its_prefix_and_drawn_in_color(facts, statistics):
    statistics["noise"] += 2.0 * facts["target"]
    found = probe(facts, statistics)
    assert found[None, STATISTICS]["is_warning"]
    assert found[None, STATISTICS]["strongest"][0] == "noise"
    rows = list(found.values())
    axes = draw_shortcuts(rows, limit=0.65).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    measured = [row for row in rows if row["auc"]["value"] is not None]
    assert names == [row["probe"] for row in measured]
    markers = [line for line in axes.get_lines() if line.get_marker() == "o"]
    warned = [to_hex(line.get_color()) == to_hex(FAKE_COLOR) for line in markers]
    assert warned == [row["is_warning"] for row in measured]


@pytest.mark.slow
def test_what_only_tells_groups_apart_is_no_shortcut(facts, statistics):
    rng = np.random.default_rng(2)
    facts["target"] = np.repeat(rng.integers(0, 2, NUM // 4), 4)
    facts["num_bytes"] = np.repeat(rng.permutation(NUM // 4), 4)  # one number a group
    rows = probe(facts, statistics)
    assert abs(rows[None, "file size"]["auc"]["value"] - 0.5) < 0.15
    facts["group"] = [f"g{n}" for n in range(NUM)]
    assert probe(facts, statistics)[None, "file size"]["auc"]["value"] > 0.8


@pytest.mark.slow
def test_a_source_is_probed_alone_where_it_has_both_classes(facts, statistics):
    facts["source"] = np.where(np.arange(NUM) < 200, "large", "other")
    facts.loc[390:, "source"] = "small"
    sources = {source for source, _ in probe(facts, statistics)}
    assert sources == {None, "large", "other"}


def test_too_few_groups_are_said_to_be(facts, statistics):
    facts["group"] = "all"
    assert "fewer than two groups" in probe(facts, statistics)[None, "file size"]["note"]


def test_statistics_are_those_of_the_files_in_order(tmp_path, make_picture):
    for n in (0, 1):
        make_picture(n, height=40 + n).save(tmp_path / f"{n}.png")
    paths = [tmp_path / "1.png", tmp_path / "0.png"]
    table = measure_statistics(paths, num_workers=2)
    assert table["height"].tolist() == [41, 40]
    assert len(table.columns) == 30


def test_an_image_that_cannot_be_measured_is_named(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        measure_statistics([tmp_path / "bad.jpg"], num_workers=0)
