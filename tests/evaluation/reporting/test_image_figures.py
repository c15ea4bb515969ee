"""Figures that show images draw any set, the same set the same way, and frame what is wrong."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from face_forgery.data.labels.manifest import MANIFEST_COLUMNS
from face_forgery.evaluation.reporting.image_figures import (
    DRAWN,
    draw_data,
    draw_mistakes,
    find_worst,
)


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 256, (40, 30 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg")
    return tmp_path


def make_manifest(**given):
    values = {
        "subset": ["train"] * 8 + ["val"] * 2 + ["test"] * 2,
        "row": range(12),
        "img_name": [f"{number}.jpg" for number in range(12)],
        "path": [f"{number}.jpg" for number in range(12)],
        "target": [0, 1] * 5 + [pd.NA] * 2,
        "group": [f"g{number}" for number in range(12)],
        "kind": ["real", "swap"] * 5 + ["unknown"] * 2,
        "source": "drawn",
        "video": None,
        "frame": None,
        "width": range(30, 42),
        "height": 40,
        "format": "JPEG",
        "num_bytes": range(1000, 2200, 100),
        "jpeg_quality": 90,
        "sha256": [f"{number:064x}" for number in range(12)],
    }
    return pd.DataFrame(values | given).astype(MANIFEST_COLUMNS)


def render(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50, metadata={"Software": None})
    return buffer.getvalue()


def texts(figure):
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


def test_every_kind_and_its_count_is_in_the_figure(root):
    figure = draw_data(make_manifest(), root=root)
    assert {"train · real", "train · swap", "val · swap", "test · unlabelled"} <= texts(figure)
    assert {"real", "fake", "unlabelled", "40", "4"} & texts(figure) >= {"real", "fake", "4"}


def test_the_same_manifest_gives_the_same_figure_whatever_its_order(root):
    manifest = make_manifest()
    assert render(draw_data(manifest, root=root)) == render(draw_data(manifest[::-1], root=root))


def test_one_class_one_size_and_thirty_kinds_are_drawn_too(root):
    one_class = make_manifest(target=0, width=40, num_bytes=1000, kind=r"$\frac{1}$")[:3]
    many = pd.concat([make_manifest(kind=[f"kind {n}-{m}" for n in range(12)]) for m in range(3)])
    render(draw_data(one_class, root=root))
    figure = draw_data(many, root=root)
    assert "Images by subset and kind (the largest 14 of 36 kinds)" in texts(figure)


def read_gray(path):
    return np.full((40, 60, 3), 128, dtype=np.uint8)


def test_worst_images_are_confident_reals_then_doubted_forgeries():
    table = pd.DataFrame({"target": [0, 0, 0, 1, 1, 1], "y_pred": [0.1, 0.9, 0.5, 0.2, 0.8, 0.1]})
    worst = find_worst(table, per_class=2)
    assert worst["y_pred"].tolist() == [0.9, 0.5, 0.1, 0.2]
    assert worst["target"].tolist() == [0, 0, 1, 1]


def test_a_thumbnail_has_its_score_verdict_and_origin(make_judged):
    judged = make_judged()
    figure = draw_mistakes(judged["mistakes"], read_gray)
    first = judged["mistakes"].iloc[0]
    assert [text.get_text() for text in figure.axes[0].texts] == [
        f"{first['y_pred']:.3f}",
        first["verdict"],
        "drawn",
    ]
    assert figure.axes[DRAWN].texts[2].get_text() == "face_swap"
    assert sum(bool(axes.images) for axes in figure.axes) == 2 * DRAWN


def test_only_wrong_verdicts_are_framed(make_judged):
    mistakes = make_judged()["mistakes"]
    wrong = mistakes["verdict"] == mistakes["target"].map({0: "fake", 1: "real"})
    drawn = mistakes.groupby("target").head(DRAWN).index
    framed = [axes.spines["top"].get_visible() for axes in draw_mistakes(mistakes, read_gray).axes]
    assert framed == wrong[drawn].tolist()
    assert 0 < sum(framed) < len(framed)


def test_a_class_of_one_image_leaves_the_other_places_empty(make_judged):
    mistakes = make_judged()["mistakes"].groupby("target").head(1)
    figure = draw_mistakes(mistakes, read_gray)
    assert sum(bool(axes.images) for axes in figure.axes) == 2


def test_an_origin_that_looks_like_a_formula_is_text(make_judged):
    assert render(draw_mistakes(make_judged()["mistakes"].assign(kind=r"$\frac{1}$"), read_gray))


def test_text_is_large_enough_where_a_page_shows_it(assert_readable, root, make_judged):
    assert_readable(draw_data(make_manifest(), root=root))
    assert_readable(draw_mistakes(make_judged()["mistakes"], read_gray))
