"""A served detector: under load, and under fire."""

import base64
import io
import json
import socket
import struct
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import onnxruntime
import pytest
from PIL import Image, ImageOps
from torchvision.transforms.v2.functional import pil_to_tensor, resize

import face_forgery as ff
from face_forgery.data.images.listing import list_images
from face_forgery.modeling.export import export_onnx
from face_forgery.serving.page.cards import Judge

pytestmark = pytest.mark.slow
NUM_CLIENTS, NUM_REQUESTS = 8, 200


@pytest.fixture(scope="module")
def server(logged, start_server, tmp_path_factory):
    """Yield the address of a server that judges by the detector."""
    arguments = ["face_forgery.serving", str(logged.folder)]
    with start_server(tmp_path_factory.mktemp("served"), *arguments, ping="/ping") as started:
        yield started.address


def post(address, body, content_type="application/json"):
    """Return the status and the text of the answer."""
    request = urllib.request.Request(
        f"{address}/invocations", data=body, headers={"Content-Type": content_type}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask(address, *pictures):
    """Return the rows of an answer that must be 200."""
    encoded = [[base64.b64encode(picture).decode()] for picture in pictures]
    body = json.dumps({"dataframe_split": {"columns": ["image"], "data": encoded}}).encode()
    status, text = post(address, body)
    assert status == 200, text
    return json.loads(text)["predictions"]


def claim(width, height):
    """Return a PNG of a few bytes whose header claims a size."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b"")


def test_two_hundred_requests_of_eight_clients_get_the_scores_of_a_direct_call(
    server, detector, make_picture, encode
):
    pictures = [encode(make_picture(seed, height=96, width=80)) for seed in range(20)]
    direct = ff.Detector(detector, min_size=48).judge(pictures)
    with ThreadPoolExecutor(NUM_CLIENTS) as clients:
        numbers = [number % len(pictures) for number in range(NUM_REQUESTS)]
        answers = list(clients.map(lambda number: ask(server, pictures[number]), numbers))
    for number, (row,) in zip(numbers, answers, strict=True):
        assert row["y_pred"] == pytest.approx(direct[number].score, abs=1e-6)
        assert (row["status"], row["verdict"]) == ("ok", direct[number].verdict)
        assert row["faces"] == []


@pytest.fixture
def pictures(tmp_path, make_picture, encode):
    """Write pictures of several sizes and formats; return name -> content."""
    contents = {
        "large.jpg": encode(make_picture(0, height=300, width=200)),
        "small.png": encode(make_picture(1, height=70, width=50), "PNG"),
        "cmyk.jpg": encode(make_picture(2).convert("CMYK")),
        "web.webp": encode(make_picture(3, height=96, width=96), "WEBP"),
    }
    (tmp_path / "pictures").mkdir()
    for name, content in contents.items():
        (tmp_path / "pictures" / name).write_bytes(content)
    return contents


def by_onnx(detector, contents):
    """Return scores as `docs/serving.md` tells to get them from the ONNX file."""
    session = onnxruntime.InferenceSession(export_onnx(detector))
    about = json.loads(session.get_modelmeta().custom_metadata_map["face_forgery"])
    size = [about["image_size"]] * 2
    scores = []
    for content in contents:
        picture = Image.open(io.BytesIO(content))
        if about["scaled_decoding"]:
            picture.draft(None, size)
        picture = ImageOps.exif_transpose(picture)
        image = resize(pil_to_tensor(picture.convert("RGB")), size, antialias=True)
        scores.append(session.run(["y_pred"], {"images": image[None].numpy()})[0][0])
    return scores


def test_an_image_has_one_score_by_folder_server_page_and_onnx(
    server, detector, judge_all, pictures, tmp_path
):
    listed = list_images(tmp_path / "pictures")
    how = {"min_size": 48, "batch_size": 3, "num_workers": 0}
    scores = judge_all(detector, listed, **how).set_index("img_name")["y_pred"].to_dict()
    assert len(set(scores.values())) == len(pictures)
    expected = [scores[name] for name in pictures]
    served = [row["y_pred"] for row in ask(server, *pictures.values())]
    page = Judge(ff.Detector(detector, min_size=48))
    cards = [page.judge(tmp_path / "pictures" / name) for name in pictures]
    assert served == pytest.approx(expected, abs=1e-6)
    assert [card.judgement.score for card in cards] == pytest.approx(expected, abs=1e-6)
    assert by_onnx(detector, pictures.values()) == pytest.approx(expected, abs=1e-4)


def test_bombs_and_rubbish_get_a_status_and_the_server_lives(server, make_picture, encode):
    fifty_megapixels = io.BytesIO()
    Image.new("RGB", (7100, 7100), (90, 120, 60)).save(fifty_megapixels, "PNG")
    good = encode(make_picture(0, height=96, width=80))
    rows = ask(
        server, good, b"", b"rubbish", claim(26_754, 26_754), good[:300],
        fifty_megapixels.getvalue(), good,
    )  # fmt: skip
    statuses = [row["status"] for row in rows]
    assert statuses == ["ok", "unreadable", "unreadable", "too_large", "unreadable", "ok", "ok"]
    assert all(row["detail"] and row["y_pred"] is None for row in rows if row["status"] != "ok")
    assert rows[0] == rows[-1]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"\x00\xff rubbish", "application/json"),
        (b"{}", "application/json"),
        (b'{"dataframe_split": {"columns": ["picture"], "data": [["QQ=="]]}}', "application/json"),
        (b'{"dataframe_split": {"columns": ["image"], "data": [[17]]}}', "application/json"),
        (b'{"dataframe_split": {"columns": ["image"], "data": [[null]]}}', "application/json"),
        (b'{"dataframe_split": {"columns": [{"a": 1}], "data": [["x"]]}}', "application/json"),
        (b"rubbish", "text/csv"),
        (b"[[[", "application/json"),
    ],
)
def test_a_request_that_makes_no_sense_gets_4xx_and_the_server_lives(server, body, content_type):
    status, text = post(server, body, content_type)
    assert 400 <= status < 500, (status, text[:500])
    assert not any(words in text for words in ("/usr/", "site-packages", ".py"))
    assert "message" in json.loads(text)
    with urllib.request.urlopen(f"{server}/ping", timeout=10) as answer:
        assert answer.status == 200


def test_headers_of_two_gigabytes_are_refused_or_dropped(server):
    host, port = server.removeprefix("http://").split(":")
    for head in (
        b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2147483648\r\n\r\n{}",
        b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nX-Much: "
        + b"a" * 2_000_000
        + b"\r\n\r\n",
    ):
        with (
            socket.create_connection((host, int(port)), timeout=10) as connection,
            suppress(OSError),
        ):
            connection.sendall(head)
    with urllib.request.urlopen(f"{server}/ping", timeout=10) as answer:
        assert answer.status == 200


def test_json_of_very_many_values_is_refused_before_it_is_read(server):
    body = b'{"dataframe_split": {"columns": ["image"], "data": [' + b'[""],' * 100_000 + b'[""]]}}'
    status, text = post(server, body)
    assert status == 413
    assert "1,280 commas" in text


def test_there_is_no_manual_that_loads_scripts_from_elsewhere(server):
    for path in ("docs", "redoc", "openapi.json"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{server}/{path}", timeout=10)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content-Type": "application/vnd.apache.parquet"}, 415),
        ({"Content-Length": "2147483648"}, 413),
    ],
)
def test_a_request_that_breaks_a_limit_gets_its_status(server, headers, status):
    host, port = server.removeprefix("http://").split(":")
    named = {"Host": f"{host}:{port}", "Content-Type": "application/json", "Content-Length": "2"}
    lines = [f"{name}: {value}" for name, value in (named | headers).items()]
    head = "\r\n".join(["POST /invocations HTTP/1.1", *lines]) + "\r\n\r\n{}"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_more_images_than_one_request_may_have_are_refused(server):
    data = [["QQ=="]] * 65
    body = json.dumps({"dataframe_split": {"columns": ["image"], "data": data}}).encode()
    status, text = post(server, body)
    assert status == 400
    assert "65 images are more than the 64" in text


def test_the_server_listens_on_the_loopback_alone(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; says by which address one would leave
        except OSError:
            pytest.skip("this machine has the loopback alone")
        address = probe.getsockname()[0]
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex((address, int(server.rpartition(":")[2]))) != 0
