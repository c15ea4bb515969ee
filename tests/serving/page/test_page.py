"""The page: what is shown of an upload, in two languages, and that it scores like everybody."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import face_forgery as ff
from face_forgery.data.images.listing import list_images
from face_forgery.inference.verdicts import PREDICTION_COLUMNS
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.params import FacesParams
from face_forgery.serving.page.cards import Judge, render, to_csv
from face_forgery.serving.page.words import LANGUAGES, WORDS


@pytest.fixture
def uploads(awkward_folder, tmp_path):
    names = [name for name in awkward_folder if name != "empty_folder"]
    return [(name, (tmp_path / "pictures" / name).read_bytes()) for name in names]


@pytest.fixture
def make_judge(make_detector):
    def make(**changes):
        detector = make_detector(**changes)
        return Judge(ff.Detector(detector, min_size=48))

    return make


def test_an_upload_scores_as_the_folder_does(
    make_judge, make_detector, judge_all, uploads, tmp_path
):
    cards = list(make_judge().judge(uploads))
    pictures = list_images(tmp_path / "pictures")
    rows = judge_all(make_detector(), pictures, min_size=48)
    rows = rows.set_index("img_name")
    for card in cards:
        row = rows.loc[card.name]
        assert card.judgement.status == row["status"]
        if row["status"] == "ok":
            assert card.judgement.score == pytest.approx(row["y_pred"], abs=1e-6)
            assert card.judgement.verdict == row["verdict"]
            assert card.heat is not None
        else:
            assert card.heat is None


def test_the_csv_has_the_columns_of_the_contract(make_judge, uploads):
    cards = list(make_judge().judge(uploads))
    rows = list(csv.DictReader(io.StringIO(to_csv(cards).decode())))
    assert tuple(rows[0]) == PREDICTION_COLUMNS
    assert [row["img_name"] for row in rows] == [name for name, _ in uploads]
    for row, card in zip(rows, cards, strict=True):
        expected = "" if card.judgement.score is None else repr(card.judgement.score)
        assert row["y_pred"] == expected


@pytest.mark.parametrize("language", LANGUAGES.values())
def test_cards_say_verdict_or_reason_and_are_escaped(make_judge, uploads, language):
    judging = make_judge()
    renamed = [("<script>alert(1)</script>.jpg", data) for _, data in uploads]
    html = render(list(judging.judge(renamed)), judging, language=language, note="<i>")
    assert "<script>" not in html
    assert "<i>" not in html
    assert WORDS[language]["unreadable"] in html
    assert WORDS[language]["too_small"] in html
    assert any(WORDS[language][verdict] in html for verdict in ("real", "fake", "unsure"))
    assert "http" not in html


def test_both_languages_have_the_same_words_and_one_for_each_status():
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    statuses = {"missing", "unreadable", "too_large", "too_small", "no_face", "too_blurry"}
    assert statuses <= WORDS["en"].keys()


@pytest.mark.usefixtures("find_red_faces")
def test_every_face_is_listed(make_judge, draw_red_faces, encode):
    faces = FacesParams(detector=None, min_confidence=0.7, margin=0.1, min_size=8, max_blur=1.0)
    judging = make_judge(faces=faces, face_model=b"any")
    picture = draw_red_faces((10, 10, 50, 50), (100, 20, 60, 60))
    cards = list(judging.judge([("two.png", encode(picture, "PNG"))]))
    html = render(cards, judging, language="en")
    for face in cards[0].judgement.faces:
        assert f"{face.score:.3f}" in html
    assert "face 2" in html


def test_the_page_judges_files_and_limits_their_number(make_judge, uploads, tmp_path):
    pytest.importorskip("gradio")
    from face_forgery.serving.page.page import build_page

    page = build_page(make_judge(), max_images=2)
    show = next(fn.fn for fn in page.fns.values() if fn.fn.__name__ == "show")
    files = [str(tmp_path / "pictures" / name) for name, _ in uploads]
    html = show(files, "English")
    assert f"{len(files)} images are more than the 2" in html
    assert html.count("<article") == 2
    assert WORDS["zh"]["nothing"] in show([], "中文")
    assert WORDS["en"]["unreadable"] in show([str(tmp_path / "gone.jpg")], "English")


@pytest.mark.slow
def test_the_page_keeps_the_verdicts_of_few_visits(make_judge):
    pytest.importorskip("gradio")
    from face_forgery.serving.page.page import build_page, launch_options

    page = build_page(make_judge(), max_images=2)
    page.launch(prevent_thread_lock=True, inbrowser=False, **launch_options(max_bytes=2**20))
    try:
        for visit in range(100):
            assert page.state_holder[f"visit{visit}"] is not None
        assert len(page.state_holder.session_data) <= 20
        assert "visit99" in page.state_holder
    finally:
        page.close()


def test_files_beyond_the_limit_are_not_read(make_judge, uploads, tmp_path, monkeypatch):
    from face_forgery.serving.page import page

    read = []
    monkeypatch.setattr(page, "_read", lambda file: read.append(file) or b"")
    files = [str(tmp_path / "pictures" / uploads[0][0])] * 1000
    page._judge_files(make_judge(), files, "en", max_images=2)
    assert len(read) == 2


def test_a_name_that_reads_backwards_is_shown_as_it_is_written(make_judge, tmp_path):
    from face_forgery.serving.page import page

    html = page._judge_files(make_judge(), [str(tmp_path / "\u202egpj.exe")], "en", max_images=1)
    assert "\u202e" not in html
    assert r"\u202egpj.exe" in html


def test_one_image_is_judged_at_a_time(make_judge, uploads, monkeypatch):
    judging, at_work, most = make_judge(), [], []
    real = judging._judge_one

    def judge_one(name, data):
        at_work.append(name)
        most.append(len(at_work))
        card = real(name, data)
        at_work.remove(name)
        return card

    monkeypatch.setattr(judging, "_judge_one", judge_one)
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(lambda number: list(judging.judge(uploads[:3])), range(4)))
    assert len(most) == 12
    assert max(most) == 1


def test_without_a_detector_the_message_names_the_remedy(tmp_path, capsys):
    from face_forgery.serving.page.__main__ import main

    with pytest.raises(SystemExit, match=r"there is no detector yet.*kedro run"):
        main(["--detector", str(tmp_path / "none")])


@pytest.fixture(scope="module")
def page_server(make_detector, start_server, tmp_path_factory):
    """Yield the address of a page, the folder of its uploads, and its process."""
    pytest.importorskip("gradio")
    root = tmp_path_factory.mktemp("page")
    (root / "detector").mkdir()
    (root / "uploads").mkdir()
    write_detector(make_detector(), root / "detector")
    arguments = ["face_forgery.serving.page", "--detector", str(root / "detector")]
    arguments += ["--max-megabytes", "1", "--max-images", "2"]
    with start_server(root, *arguments, TMPDIR=str(root / "uploads")) as started:
        started.uploads = root / "uploads"
        yield started


def upload(page_server, *contents, **headers):
    files = [("files", (f"{number}.jpg", data)) for number, data in enumerate(contents)]
    return httpx.post(
        f"{page_server.address}/gradio_api/upload", files=files, headers=headers, timeout=30
    )


@pytest.mark.slow
def test_a_page_from_elsewhere_gets_nothing_and_leaves_nothing(page_server):
    assert httpx.get(f"{page_server.address}/config", headers={"Host": "a.b"}).status_code == 400
    assert upload(page_server, b"1", Origin="https://evil.example").status_code == 403
    assert upload(page_server, b"1", Host="evil.example").status_code == 400
    assert upload(page_server, *[b"1" * 900_000] * 4).status_code == 413
    join = f"{page_server.address}/gradio_api/queue/join"
    assert httpx.post(join, content=b" " * 1_100_000).status_code == 413
    assert [path for path in page_server.uploads.rglob("*") if path.is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "http://127.0.0.1:1/x"])
def test_the_page_hands_out_no_file_and_fetches_no_address(page_server, path):
    answer = httpx.get(f"{page_server.address}/gradio_api/file={path}")
    assert answer.status_code in (403, 404)


@pytest.mark.slow
def test_the_page_judges_no_file_of_the_server_and_keeps_no_history(page_server):
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    asked = {"fn_index": 0, "session_hash": "x", "data": [[file], "English"]}
    httpx.post(f"{page_server.address}/gradio_api/queue/join", json=asked).raise_for_status()
    told = httpx.get(f"{page_server.address}/gradio_api/queue/data?session_hash=x", timeout=30).text
    assert '"success":false' in told
    assert "passwd" not in told
    assert httpx.get(f"{page_server.address}/gradio_api/runs").status_code == 404


@pytest.mark.slow
def test_uploads_are_private_and_gone_when_the_page_is_ended(page_server):
    upload(page_server, b"mine").raise_for_status()
    (folder,) = page_server.uploads.glob("face-forgery-*")
    assert folder.stat().st_mode & 0o077 == 0
    assert any(path.is_file() for path in folder.rglob("*"))
    page_server.process.terminate()
    page_server.process.wait(30)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_a_name_is_no_formula_in_the_downloaded_table(make_judge, name):
    cards = list(make_judge().judge([(name, b"")]))
    (row,) = csv.DictReader(io.StringIO(to_csv(cards).decode(), newline=""))
    assert row["img_name"] == f"'{name}"
