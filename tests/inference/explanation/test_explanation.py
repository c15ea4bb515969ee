"""Explanations: maps find what decides, regions lie where they should, pages open offline."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import face_forgery as ff
from face_forgery.data.images.listing import list_images
from face_forgery.datasets.growing import PagesDataset
from face_forgery.inference.explanation.attribution import blur_away, heat_map
from face_forgery.inference.explanation.explain import Explanation, explain_images, pick_suspects
from face_forgery.inference.explanation.explanation_page import overlay, write_pages
from face_forgery.inference.explanation.regions import (
    FULL_SCALE,
    REGIONS,
    label_regions,
    measure_evidence,
)
from face_forgery.inference.explanation.views import find_repetition, make_views
from face_forgery.modeling.forward_path import measure_margins
from face_forgery.params import FacesParams

LEARNT = "Learnt from whatever there was."


def centered_landmarks(height, width):
    """Return five points of a face in the middle of an image."""
    centered = ((0.35, 0.42), (0.65, 0.42), (0.5, 0.58), (0.38, 0.74), (0.62, 0.74))
    return tuple((x * width, y * height) for x, y in centered)


class RednessOfASquare(nn.Module):
    """Calls forged what is red within one square."""

    def __init__(self, top: int, left: int, side: int) -> None:
        super().__init__()
        self.square = (slice(top, top + side), slice(left, left + side))
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, images):
        rows, columns = self.square
        red = images.float()[:, 0, rows, columns].std(dim=(1, 2)) * self.weight
        return torch.stack([torch.zeros_like(red), red], dim=1)


@pytest.fixture
def noise():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.uint8)
    return torch.from_numpy(pixels)


@pytest.mark.parametrize(("top", "left"), [(8, 40), (40, 8)])
def test_the_map_is_hottest_where_the_network_looks(noise, top, left):
    network = RednessOfASquare(top, left, 12)
    heat = heat_map(network, noise)
    assert heat.shape == (64, 64)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert top - 4 <= row < top + 16
    assert left - 4 <= column < left + 16
    inside = heat[top : top + 12, left : left + 12].mean()
    assert inside > 5 * abs(heat).mean()
    network.weight.data.fill_(-1.0)
    np.testing.assert_allclose(heat_map(network, noise), -heat, atol=1e-6)  # speaks for real


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_convnext"])
def test_a_map_adds_up_to_what_the_image_has_over_its_blur(make_detector, noise, architecture):
    network = make_detector(architecture, image_size=64).build_network()
    heat = heat_map(network, noise)
    ends = torch.stack([blur_away(noise), noise])
    start, end = measure_margins(network, ends, torch.device("cpu"))
    assert heat.sum() / (0.16 * 64) ** 2 == pytest.approx(end - start, rel=0.02)
    assert all(weight.grad is None for weight in network.parameters())


def test_the_scale_is_the_same_for_all_images():
    grey = np.full((40, 40, 3), 128, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 0.05 * FULL_SCALE
    assert np.ptp(overlay(grey, heat).astype(int)) < 10  # its strongest part, and nearly nothing
    heat[3, 3] = FULL_SCALE
    assert np.ptp(overlay(grey, heat).astype(int)) > 80
    assert np.array_equal(overlay(grey, 2 * heat)[-1, -1], overlay(grey, heat)[-1, -1])


@pytest.mark.parametrize(("strength", "top"), [(0.05, None), (0.2, "mouth"), (-1.0, None)])
def test_only_what_can_be_seen_on_the_map_is_named(strength, top):
    labels = label_regions(64, 64, centered_landmarks(64, 64))
    heat = (labels == REGIONS.index("mouth")) * np.float32(strength * FULL_SCALE)
    regions = measure_evidence(heat, labels)
    found = Explanation(
        0.5, "unsure", np.empty((1, 1, 3), np.uint8), heat, regions, [], np.zeros(60)
    )
    assert found.top_region == top
    assert found.speaks_for_forged == (top is not None)


def test_a_page_says_what_the_file_says_of_itself(make_detector, make_picture, tmp_path):
    exif = Image.Exif()
    exif[0x0110] = "<Camera> 1"
    make_picture(height=64, width=64).save(tmp_path / "taken.jpg", exif=exif)
    detector = make_detector()
    (found,) = explain_images(detector, list_images(tmp_path), min_size=8)
    ((_, page),) = write_pages([found], detector.operating_points, LEARNT)
    assert "&lt;Camera&gt; 1" in page.html
    assert "nothing follows" in page.html


def test_regions_lie_where_the_landmarks_say():
    points = centered_landmarks(100, 100)
    labels = label_regions(100, 100, points)
    at = {name: REGIONS.index(name) for name in REGIONS}
    assert labels[42, 35] == labels[42, 65] == at["eyes"]
    assert labels[55, 50] == at["nose"]
    assert labels[74, 50] == at["mouth"]
    assert labels[2, 2] == labels[97, 97] == at["background"]
    assert set(np.unique(labels)) == set(range(len(REGIONS)))
    moved = label_regions(100, 140, tuple((x + 40, y) for x, y in points))
    assert np.array_equal(moved[:, 40:], labels)


def test_proportions_add_up_and_follow_the_evidence():
    labels = label_regions(64, 64, centered_landmarks(64, 64))
    heat = np.where(labels == REGIONS.index("mouth"), 1.0, -1.0)
    found = measure_evidence(heat, labels)
    assert next(iter(found)) == "mouth"
    assert found["mouth"].proportion == 1.0
    even = measure_evidence(np.ones((64, 64)), labels)
    assert sum(region.proportion for region in even.values()) == pytest.approx(1)
    assert all(region.density == pytest.approx(1) for region in even.values())
    assert all(region.proportion == 0 for region in measure_evidence(0 * heat, labels).values())


def test_copied_blocks_are_found_and_nothing_else():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    assert find_repetition(pixels).reading.startswith("No block")
    pixels[60:90, 60:90] = pixels[10:40, 20:50]
    assert "occurs again elsewhere" in find_repetition(pixels).reading
    flat = np.full((96, 96, 3), 90, np.uint8)
    assert find_repetition(flat).reading.startswith("No block")


def test_light_from_the_left_is_said():
    pixels = np.full((80, 80, 3), 100, np.uint8)
    pixels[:, :40] = 150
    views = {view.title: view for view in make_views(pixels, centered_landmarks(80, 80))}
    assert "50% brighter on the left" in views["Light"].reading
    assert len(views) == 6
    assert len(make_views(pixels, None)) == 4


def test_the_overlay_tells_for_from_against():
    heat = np.zeros((4, 4), np.float32)
    heat[:2], heat[2:] = 1.0, -1.0
    image = overlay(np.full((40, 40, 3), 128, np.uint8), heat)
    assert image[2, 20, 0] > image[2, 20, 2]  # vermilion
    assert image[-2, 20, 2] > image[-2, 20, 0]  # blue


def test_good_and_bad_images_get_a_page_each_and_the_index_links_them_by_score(
    make_detector, awkward_folder, tmp_path
):
    detector = make_detector()
    images = list_images(tmp_path / "pictures")
    dataset = PagesDataset(filepath=str(tmp_path / "pages"))
    (tmp_path / "pages").mkdir()
    for old in ("0099.html", "index.html"):
        (tmp_path / "pages" / old).write_text("of an older set")
    explained = list(explain_images(detector, images, min_size=48))
    assert {found.img_name: found.status for found in explained} == awkward_folder
    assert all((found.explanation is None) == (found.status != "ok") for found in explained)
    set_of_pages = [page for _, page in write_pages(explained, detector.operating_points, LEARNT)]
    for page in set_of_pages:
        assert (tmp_path / "pages" / "index.html").exists() == (page.number == 1)  # the older one
        dataset.save(page)
    pages = dataset.load()
    assert len(pages) == len(images)
    text = pages[images["img_name"].tolist().index("good.jpg")].read_text()
    assert "http" not in text.replace("http://www.w3.org", "")
    assert "Parts of the face are not named" in text
    assert not re.search(r"\b(eyes|nose|mouth|skin)\b", re.sub("<figcaption>.*", "", text))
    assert "not proof" in text
    assert "cannot be judged" in pages[images["img_name"].tolist().index("text.jpg")].read_text()

    scored = [found for found in explained if found.explanation is not None]
    scored.sort(key=lambda found: -found.explanation.score)
    unscored = [found for found in explained if found.explanation is None]
    index = (tmp_path / "pages" / "index.html").read_text()
    offsets = [index.index(f">{found.img_name}</a>") for found in [*scored, *unscored]]
    assert offsets == sorted(offsets)
    assert all(f'href="{page.name}"' in index for page in pages)
    assert "not proof" in index
    for html in [index, *(page.html for page in set_of_pages)]:
        assert f"</h1>\n<p><strong>{LEARNT}</strong>" in html


def test_suspects_are_the_highest_scores_and_the_unjudged_are_left_out():
    names = ["a", "b", "c", "d"]
    images = pd.DataFrame({"img_name": names, "path": names, "problem": None})
    predictions = pd.DataFrame({"img_name": names, "y_pred": [0.2, None, 0.9, 0.5]})
    assert pick_suspects(images, predictions, 2)["img_name"].tolist() == ["c", "d"]
    assert pick_suspects(images, predictions, 9)["img_name"].tolist() == ["c", "d", "a"]
    with pytest.raises(ValueError, match="3 predictions are not of these 4 images"):
        pick_suspects(images, predictions.head(3), 2)


@pytest.mark.usefixtures("find_red_faces")
def test_the_most_suspicious_face_is_explained(make_detector, draw_red_faces, tmp_path):
    faces = FacesParams(detector=None, min_confidence=0.7, margin=0.0, min_size=8, max_blur=1.0)
    detector = make_detector(faces=faces, face_model=b"any")
    draw_red_faces((10, 10, 40, 40), (80, 20, 60, 60)).save(tmp_path / "<b>.png")
    (found,) = explain_images(detector, list_images(tmp_path), min_size=8)
    (judged,) = ff.Detector(detector, min_size=8).judge([(tmp_path / "<b>.png").read_bytes()])
    worst = max(judged.faces, key=lambda face: face.score)
    assert found.explanation.score == pytest.approx(judged.score, abs=1e-6)
    assert found.explanation.pixels.shape == (worst.height, worst.width, 3)
    assert found.explanation.regions
    ((_, page),) = write_pages([found], detector.operating_points, LEARNT)
    assert "&lt;b&gt;.png" in page.html
    assert "<b>.png" not in page.html
