"""The page in Chromium, at both widths: what is dropped is judged at once, without a mouse, too."""

import cv2
import numpy as np
import pytest
from PIL import Image

from face_forgery.modeling.detector_folder import write_detector
from face_forgery.modeling.provenance import TrainingData
from face_forgery.serving.page.words import WORDS

pytest.importorskip("gradio")
chromium = pytest.importorskip("docs.chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.CHROMIUM is None, reason="there is no Chromium"),
]
WIDTHS = (1200, 390)
FOCUSED = "document.activeElement"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Images as a camera makes them, in what matters here: large, and with EXIF."""
    folder = tmp_path_factory.mktemp("photographs")
    rng, exif = np.random.default_rng(0), Image.Exif()
    exif[0x0110] = "Camera 1"
    for name in ("a.jpg", "b.jpg"):
        pixels = cv2.resize(rng.integers(0, 255, (30, 40, 3)).astype(np.uint8), (1600, 1200))
        Image.fromarray(pixels).save(folder / name, exif=exif)
    (folder / "notes.jpg").write_text("no image")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def address(make_detector, start_server, tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    (root / "detector").mkdir()
    drawn = TrainingData("demo", 4, 4, 4, {}, {}, {"drawn": 8})
    write_detector(make_detector(training_data=drawn), root / "detector")
    with start_server(root, "face_forgery.serving.page", "--detector", "detector") as started:
        yield started.address


@pytest.fixture
def tab(address, tmp_path):
    with chromium.open_tab(address, tmp_path / "browser") as tab:
        tab.wait("document.querySelector('input[type=file]')")
        tab.wait("document.querySelector('[role=status]')")
        tab.wait("!document.body.innerText.includes('Loading...')")
        yield tab


def count(selector):
    return f"document.querySelectorAll({selector!r}).length"


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_dropped_is_judged_explained_and_translated(tab, photographs, width):
    tab.resize(width, 900)
    tab.drop(*photographs)
    tab.wait(f"{count('article')} === 3")
    tab.wait(f"{count('.ff-images figure')} === 2")
    assert "1 not judged" in tab.wait("document.querySelector('[role=status]').innerText")
    assert tab.run(count(".ff-thumbnail")) == 0  # of text there is nothing to see
    assert tab.run("document.body.innerText").count("Camera 1") == 2
    tab.run("[...document.querySelectorAll('input[type=radio]')].at(-1).click()")
    tab.wait(f"document.body.innerText.includes({WORDS['zh']['unreadable']!r})")
    tab.wait("document.documentElement.lang === 'zh-CN'")
    assert tab.run(count(".ff-images figure")) == 2  # of before: nothing is explained again
    assert WORDS["en"]["score"] not in tab.run("document.querySelector('article').innerText")
    assert tab.run("document.documentElement.scrollWidth") <= width
    widest = "Math.max(...[...document.querySelectorAll('article')].map(one => one.clientWidth))"
    assert tab.run(widest) > width * 0.6


def test_the_browser_needs_nothing_that_is_refused_and_an_upload_comes_back(tab, photographs):
    tab.drop(*photographs)
    tab.wait(f"{count('.ff-images figure')} === 2")
    asked = "performance.getEntriesByType('resource').map(one => [one.responseStatus, one.name])"
    answers = tab.run(asked)
    assert len(answers) > 20
    assert [answer for answer in answers if answer[0] >= 400] == []
    tab.run("fetch(document.querySelector('a[href*=\"file=\"]').href).then(a => {back = a.status})")
    assert tab.wait("globalThis.back") == 200


def test_everything_is_reached_by_keyboard_and_has_a_name(tab):
    names = []
    for _ in range(6):
        tab.press("Tab", 9)
        names.append(
            tab.run(
                f"(one => one.ariaLabel || one.labels?.[0]?.innerText || one.innerText)({FOCUSED})"
            )
        )
    assert names[0] == "Click to upload or drop files"
    assert names[1:3] == [WORDS["en"]["examples"], "English"]
    tab.run("[...document.querySelectorAll('button')].at(-1).focus()")
    tab.press("Enter", 13, text="\r")
    tab.wait(f"{count('article img[alt]')} >= 4")
    assert tab.run(count("article img:not([alt])")) == 0
    assert tab.run("document.querySelector('[role=status]').innerText") != ""


def test_a_browser_in_chinese_is_greeted_in_chinese(address, tmp_path):
    with chromium.open_tab(address, tmp_path / "browser", language="zh-CN") as tab:
        tab.wait(f"document.querySelector('h1')?.innerText === {WORDS['zh']['title']!r}")
        body = tab.run("document.body.innerText")
        assert body.index("仅供演示") < body.index(WORDS["zh"]["lead"])
