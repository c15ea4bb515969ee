"""The page: what is shown of an upload, in two languages, and that it scores like everybody."""

import csv
import io
import time
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import numpy as np
import pytest
from PIL import Image

import face_forgery as ff
from face_forgery.data.images.listing import list_images
from face_forgery.inference.explanation.attribution import heat_map
from face_forgery.inference.explanation.regions import REGIONS
from face_forgery.inference.verdicts import PREDICTION_COLUMNS, Judgement
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.modeling.provenance import TrainingData, describe_training_data
from face_forgery.params import FacesParams
from face_forgery.serving.page.cards import Card, Judge, Visit, render_card, say_limits, to_csv
from face_forgery.serving.page.words import LANGUAGES, WORDS


@pytest.fixture
def uploads(awkward_folder, tmp_path):
    return [tmp_path / "pictures" / name for name in awkward_folder if name != "empty_folder"]


@pytest.fixture
def make_judge(make_detector):
    def make(**changes):
        return Judge(ff.Detector(make_detector(**changes)))

    return make


@pytest.fixture
def judge_faces(make_judge):
    faces = FacesParams(detector=None, min_confidence=0.7, margin=0.1, min_size=8, max_blur=1.0)
    return make_judge(faces=faces, face_model=b"any")


def judge_fully(judge, path):
    """Judge and explain."""
    first = judge.judge(path)
    return [first, *judge.explain(first)][-1]


def test_an_upload_scores_as_the_folder_does(
    make_judge, make_detector, judge_all, uploads, tmp_path
):
    rows = judge_all(make_detector(), list_images(tmp_path / "pictures"), min_size=48)
    rows = rows.set_index("img_name")
    for path in uploads:
        card = judge_fully(make_judge(), path)
        row = rows.loc[str(path.relative_to(tmp_path / "pictures"))]
        assert card.judgement.status == row["status"]
        assert len(card.reasons) == (row["status"] == "ok")
        if row["status"] == "ok":
            assert card.judgement.score == pytest.approx(row["y_pred"], abs=1e-6)
            assert card.judgement.verdict == row["verdict"]


def test_the_csv_has_the_columns_of_the_contract(make_judge, uploads):
    cards = [make_judge().judge(path) for path in uploads]
    rows = list(csv.DictReader(io.StringIO(to_csv(cards).decode())))
    assert tuple(rows[0]) == PREDICTION_COLUMNS
    assert [row["img_name"] for row in rows] == [path.name for path in uploads]
    for row, card in zip(rows, cards, strict=True):
        expected = "" if card.judgement.score is None else repr(card.judgement.score)
        assert row["y_pred"] == expected


@pytest.mark.parametrize("language", LANGUAGES.values())
def test_cards_say_verdict_or_reason_and_are_escaped(make_judge, uploads, language):
    judge = make_judge()
    cards = [replace(judge_fully(judge, path), name="<script>.jpg") for path in uploads]
    html = "".join(render_card(card, judge, language) for card in cards)
    assert "<script>" not in html
    assert WORDS[language]["unreadable"] in html
    assert WORDS[language]["too_small"] in html
    assert any(WORDS[language][verdict] in html for verdict in ("real", "fake", "unsure"))
    assert WORDS[language]["for_fake"] in html  # the scale of the heat map
    assert "http" not in html


def test_both_languages_have_the_same_words_and_one_for_each_status_and_part():
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    statuses = {"missing", "unreadable", "too_large", "too_small", "no_face", "too_blurry"}
    assert statuses | {"no_video", "no_frames", "too_few_frames"} <= WORDS["en"].keys()
    assert set(REGIONS) <= WORDS["en"].keys()


@pytest.mark.usefixtures("find_red_faces")
def test_faces_are_numbered_and_the_most_suspicious_are_explained_first(
    judge_faces, draw_red_faces, tmp_path
):
    boxes = [(10 + 90 * n, 10, 40 + 4 * n, 40 + 4 * n) for n in range(6)]
    draw_red_faces(*boxes, size=(600, 100)).save(tmp_path / "six.png")
    first = judge_faces.judge(tmp_path / "six.png")
    assert first.unexplained == sorted(range(6), key=lambda n: -first.judgement.faces[n].score)[:4]
    card = judge_fully(judge_faces, tmp_path / "six.png")
    assert [reason.face for reason in card.reasons] == first.unexplained
    assert len({reason.heat for reason in card.reasons}) == 4
    html = render_card(card, judge_faces, "en")
    for number, face in enumerate(card.judgement.faces, start=1):
        assert f'<th scope="row">{number}</th><td>{face.score:.3f}</td>' in html


@pytest.mark.usefixtures("find_red_faces")
def test_what_cannot_be_judged_is_small_and_has_no_map(judge_faces, draw_red_faces, tmp_path):
    draw_red_faces(size=(400, 300)).save(tmp_path / "no_face.jpg")
    card = judge_faces.judge(tmp_path / "no_face.jpg")
    assert card.judgement.status == "no_face"
    assert card.unexplained == []
    shown = Image.open(io.BytesIO(b64decode(card.image.partition(",")[2])))
    assert max(shown.size) == 160
    assert WORDS["zh"]["no_face"] in render_card(card, judge_faces, "zh")


def test_a_card_says_what_the_file_says_of_itself(make_judge, make_picture, tmp_path):
    judge, exif = make_judge(), Image.Exif()
    exif[0x0110] = "<Camera> 1"
    make_picture().save(tmp_path / "taken.jpg", exif=exif)
    make_picture().save(tmp_path / "bare.jpg")
    html = render_card(judge.judge(tmp_path / "taken.jpg"), judge, "en")
    assert "&lt;Camera&gt; 1" in html
    assert WORDS["en"]["file_key"] in html
    bare = render_card(judge.judge(tmp_path / "bare.jpg"), judge, "en")
    assert WORDS["en"]["file_says"] not in bare


@pytest.mark.parametrize("name", ["clip.mp4", "clip"])
def test_a_video_is_judged_whatever_its_name_is(make_judge, write_clip, tmp_path, name):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    write_clip("made.mp4", [pixels] * 16, rate=8).rename(tmp_path / name)
    judge = make_judge()
    card = judge.judge(tmp_path / name)
    assert card.judgement.status == "ok"
    assert card.judgement.verdict is not None
    html = render_card(card, judge, "en")
    assert html.count("<figure>") == len(card.video.scenes) > 0
    assert WORDS["en"]["chart"] in html


def test_verdicts_come_first_and_nothing_is_judged_twice(make_judge, uploads, monkeypatch):
    judge, visit, judged = make_judge(), Visit(), []
    real = Judge.judge
    monkeypatch.setattr(judge, "judge", lambda path: judged.append(path) or real(judge, path))
    numbers = list(visit.work(judge, visit.begin(uploads)))
    assert numbers[: len(uploads)] == list(range(len(uploads)))
    assert len(numbers) > len(uploads)
    assert list(visit.work(judge, visit.begin(uploads[1:]))) == []  # also: another language
    assert judged == uploads
    assert list(visit.cards) == uploads[1:]


def test_what_is_dropped_later_is_not_kept_waiting(make_judge, uploads):
    judge, visit = make_judge(), Visit()
    work = visit.work(judge, visit.begin(uploads))
    next(work)
    turn = visit.begin(uploads[:1])
    assert list(work) == []
    assert list(visit.work(judge, turn)) == [0] * len(visit.cards[uploads[0]].reasons)


def test_the_page_judges_files_and_limits_their_number(make_judge, uploads, tmp_path):
    pytest.importorskip("gradio")
    from face_forgery.serving.page.page import build_page

    page = build_page(make_judge(), max_images=2)
    (show,) = [fn for fn in page.fns.values() if fn.fn.__name__ == "show"]
    status, *slots, about = show.outputs

    def drop(paths, language):
        *_, last = show.fn([str(path) for path in paths], language, visit := Visit())
        return last, visit

    last, visit = drop(uploads, "English")
    assert len(slots) == 2
    assert f"{len(uploads)} files are more than the 2" in last[status]
    assert list(visit.cards) == uploads[:2]
    assert "predictions.csv" in last[about]
    first = next(show.fn([], "中文", visit))
    assert [first[slot]["visible"] for slot in slots] == [False, False]
    assert WORDS["zh"]["evidence"] in first[about]
    last, visit = drop([tmp_path / "gone.jpg"] * 1000, "English")
    assert "1 not judged" in last[status]
    _, visit = drop([tmp_path / "\u202egpj.exe"], "English")
    assert [card.name for card in visit.cards.values()] == [r"\u202egpj.exe"]


def test_a_verdict_is_shown_before_its_heat_map_is_begun(make_judge, uploads, monkeypatch):
    pytest.importorskip("gradio")
    from face_forgery.serving.page.page import build_page

    begun = []

    def look(network, image):
        begun.append(image)
        return heat_map(network, image)

    monkeypatch.setattr("face_forgery.inference.explanation.explain.heat_map", look)
    page = build_page(make_judge(), max_images=1)
    (show,) = [fn for fn in page.fns.values() if fn.fn.__name__ == "show"]
    (good,) = [str(path) for path in uploads if path.name == "good.jpg"]
    states = show.fn([good], "English", Visit())
    next(states)
    slot = show.outputs[1]
    verdict = next(states)[slot]["value"]
    assert any(WORDS["en"][name] in verdict for name in ("real", "fake", "unsure"))
    assert WORDS["en"]["wait"] in verdict
    assert begun == []
    explained = next(states)[slot]["value"]
    assert WORDS["en"]["wait"] not in explained
    assert WORDS["en"]["for_fake"] in explained
    assert len(begun) == 1


def test_the_training_data_comes_first_in_both_languages(make_judge):
    pytest.importorskip("gradio")
    from face_forgery.serving.page.page import build_page

    drawn = TrainingData("demo", 4, 4, 4, {}, {}, {"drawn": 8})
    page = build_page(judge := make_judge(training_data=drawn), max_images=1)
    (translate,) = [fn.fn for fn in page.fns.values() if fn.fn.__name__ == "translate"]
    for name, code in LANGUAGES.items():
        heading = translate(name)[0]
        assert heading.index(describe_training_data(drawn, code)) < heading.index(
            WORDS[code]["lead"]
        )
        assert WORDS[code]["drawn_images"] in say_limits(judge, code)


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


def test_one_image_is_judged_at_a_time(make_judge, uploads, monkeypatch):
    judge, at_work, most = make_judge(), [], []
    real = judge._detector.judge

    def judge_one(path):
        at_work.append(path)
        most.append(len(at_work))
        time.sleep(0.01)
        judgement = real(path)
        at_work.remove(path)
        return judgement

    monkeypatch.setattr(judge._detector, "judge", judge_one)
    with ThreadPoolExecutor(4) as clients:
        list(clients.map(judge.judge, uploads[:3] * 4))
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


def read_log(page_server):
    return (page_server.uploads.parent / "server.log").read_text().splitlines()


def upload(page_server, *contents, **headers):
    files = [("files", (f"{number}.jpg", data)) for number, data in enumerate(contents)]
    return httpx.post(
        f"{page_server.address}/gradio_api/upload", files=files, headers=headers, timeout=30
    )


@pytest.mark.slow
def test_a_page_from_elsewhere_gets_nothing_and_leaves_nothing(page_server):
    assert httpx.get(f"{page_server.address}/config", headers={"Host": "a.b"}).status_code == 400
    for origin in ("https://evil.example", "http://localhost:9999", "http://127.0.0.1"):
        assert upload(page_server, b"1", Origin=origin).status_code == 403
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
    config = httpx.get(f"{page_server.address}/config").json()
    (number,) = [fn["id"] for fn in config["dependencies"] if len(fn["inputs"]) == 3]
    asked = {"fn_index": number, "session_hash": "x", "data": [[file], "English", None]}
    httpx.post(f"{page_server.address}/gradio_api/queue/join", json=asked).raise_for_status()
    told = httpx.get(f"{page_server.address}/gradio_api/queue/data?session_hash=x", timeout=30).text
    assert '"success":false' in told
    assert "passwd" not in told
    assert httpx.get(f"{page_server.address}/gradio_api/runs").status_code == 404
    (line,) = [line for line in read_log(page_server) if "InvalidPathError" in line]
    assert "not uploaded by a user" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b'{"data": NaN}',
        b'{"data": [1e999], "fn_index": 0, "session_hash": "x"}',
        b'{"data": [], "session_hash": "\\ud800"}',
        b"[" * 100_000,
        b"{",
        b'{"data": [], "fn_index": 999, "session_hash": "x"}',
        b'{"data": "a", "fn_index": [], "session_hash": "x"}',
    ],
)
def test_a_request_that_makes_no_sense_gets_4xx_in_json_and_no_traceback(page_server, body):
    headers = {"content-type": "application/json"}
    join = f"{page_server.address}/gradio_api/queue/join"
    answer = httpx.post(join, content=body, headers=headers, timeout=30)
    assert 400 <= answer.status_code < 500
    assert answer.json().keys() <= {"message", "detail"}
    assert not any("Traceback" in line for line in read_log(page_server))


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
def test_a_name_is_no_formula_in_the_downloaded_table(name):
    card = Card(name, Judgement(None, None, "unreadable", ""))
    (row,) = csv.DictReader(io.StringIO(to_csv([card]).decode(), newline=""))
    assert row["img_name"] == f"'{name}"
