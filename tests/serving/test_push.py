"""`face-forgery push` against a stand-in of the hub: what goes out, what does not, and back."""

import base64
import hashlib
import json
import shutil
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import huggingface_hub.constants
import pytest
import timm
import torch
import yaml

import face_forgery as ff
from face_forgery.__main__ import main
from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.metrics.metric_report import evaluate
from face_forgery.modeling.adopting.graph import adopt_module
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.provenance import trained_elsewhere

COMMIT = "c" * 40
REFUSED = {  # what the hub's own answers say: owner -> status, message
    "nobody": (404, "Not Found"),
    "stranger": (403, "You don't have the rights to create a model under this namespace"),
}


class Hub(BaseHTTPRequestHandler):
    """The calls of the hub's HTTP interface that pushing and pulling a model make."""

    def log_message(self, *_):
        pass

    def answer(self, content, status=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def do_POST(self):
        body = self.body()
        if self.headers["Authorization"] != "Bearer good":
            self.answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            self.create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            yaml.safe_load(json.loads(body)["content"].split("---")[1])
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            modes = ["lfs" if path.endswith(".safetensors") else "regular" for path in paths]
            self.answer({"files": [
                {"path": path, "uploadMode": mode, "shouldIgnore": False}
                for path, mode in zip(paths, modes, strict=True)
            ]})  # fmt: skip
        elif self.path.endswith("/objects/batch"):
            objects = json.loads(body)["objects"]
            for one in objects:
                href = f"http://{self.headers['Host']}/blobs/{one['oid']}"
                one["actions"] = {"upload": {"href": href}}
            self.answer({"transfer": "basic", "objects": objects})
        elif "/commit/" in self.path:
            self.commit(map(json.loads, body.splitlines()))

    def commit(self, lines):
        hub = self.server
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                hub.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                hub.files[value["path"]] = hub.blobs[value["oid"]]
        hub.num_commits += 1
        name = self.path.removeprefix("/api/models").partition("/commit/")[0]
        self.answer({"commitUrl": f"{hub.address}{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def create(self, asked):
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] in REFUSED:
            status, message = REFUSED[asked["organization"]]
            self.answer({"error": message}, status)
        elif name in self.server.repositories:
            said = {"error": "You already created this model repo"}
            self.answer(said | {"url": f"{self.server.address}/{name}"}, 409)
        else:
            self.server.repositories[name] = asked.get("visibility") == "private"
            self.answer({"url": f"{self.server.address}/{name}"})

    def do_PUT(self):
        content = self.body()
        self.server.blobs[hashlib.sha256(content).hexdigest()] = content
        self.answer({})

    def do_GET(self):
        hub, path = self.server, self.path.partition("?")[0]
        name = "/".join(path.removeprefix("/api/models").split("/")[1:3])
        if name not in hub.repositories:
            self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        elif "/tree/" in path:
            self.answer([
                {"type": "file", "path": path, "size": len(content), "oid": "0" * 40}
                for path, content in hub.files.items()
            ])  # fmt: skip
        elif path.startswith("/api/models/"):
            self.answer({"id": name, "sha": COMMIT, "private": hub.repositories[name]})
        elif (file := path.split("/resolve/")[1].partition("/")[2]) in hub.files:
            tag = hashlib.sha256(hub.files[file]).hexdigest()
            self.answer(hub.files[file], ETag=f'"{tag}"', X_Repo_Commit=COMMIT)
        else:
            self.answer({}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)

    def do_HEAD(self):
        self.do_GET()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.address = f"http://127.0.0.1:{server.server_port}"
    server.files, server.blobs, server.repositories, server.num_commits = {}, {}, {}, 0
    template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    settings = {"ENDPOINT": server.address, "HUGGINGFACE_CO_URL_TEMPLATE": template}
    settings |= {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": True}
    settings |= {"HF_TOKEN_PATH": str(tmp_path / "no token")}
    for name, value in settings.items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    monkeypatch.setenv("HF_TOKEN", "good")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def measured(detector):
    """The detector with metrics as they are stored."""
    scores, targets = torch.rand(40, generator=torch.Generator().manual_seed(0)), torch.arange(40)
    metrics, _ = evaluate(
        scores.double().numpy(), (targets % 2).numpy(), targets.numpy(), Bootstrap(20, 0.95, 0)
    )
    return replace(detector, metrics=metrics, code_version={"face_forgery": "0.1.0"})


@pytest.fixture
def folder(measured, tmp_path):
    path = tmp_path / "detector"
    path.mkdir()
    write_detector(measured, path)
    return path


@pytest.fixture
def push(folder, capsys):
    def give(*arguments):
        try:
            main(["push", *arguments, "--detector", str(folder)])
        except SystemExit as ended:
            return str(ended.code), *capsys.readouterr()
        return "", *capsys.readouterr()

    return give


@pytest.fixture
def photo(make_picture, tmp_path):
    make_picture(height=90, width=90).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_what_is_pushed_is_pulled_with_the_same_score_and_opened_by_timm(
    hub, push, folder, photo, measured
):
    (folder / "notes.txt").write_text("not of the detector")
    refusal, output, errors = push("me/faces")
    assert refusal == ""
    assert "Sends README.md (" in errors
    assert "model.safetensors (" in errors
    assert " MB) to me/faces" in errors
    assert output.splitlines()[-1].endswith("--detector hf-hub:me/faces")
    assert sorted(hub.files) == ["README.md", "config.json", "meta.json", "model.safetensors"]
    assert (hub.num_commits, hub.repositories) == (1, {"me/faces": False})
    assert not (folder / "README.md").exists()
    judged = ff.Detector.load("hf-hub:me/faces").judge(photo)
    assert judged == ff.Detector.load(folder).judge(photo)
    weights = timm.create_model("hf-hub:me/faces", pretrained=True).state_dict()
    assert all(torch.equal(weights[name], value) for name, value in measured.weights.items())


def test_the_card_says_what_meta_json_holds_and_how_it_is_used(hub, push, measured):
    push("me/faces")
    card = hub.files["README.md"].decode()
    auc = measured.metrics["auc"]
    assert f"| AUC | {auc['value']:.3f} | {auc['low']:.3f} to {auc['high']:.3f} |" in card
    assert measured.identity() in card
    assert "| false alarms: real images called fake | at most " in card
    assert 'timm.create_model("hf-hub:me/faces"' in card
    assert "model_card.zh.md" not in card
    assert "not measured" not in card.lower()


def test_a_release_is_what_would_be_sent_with_licences_and_checksums(hub, push, folder, tmp_path):
    where = tmp_path / "release"
    edit(folder, training={"model": {"pretrained": False, "weights": "encoder.safetensors"}})
    refusal, output, _ = push("me/faces", "--to", str(where))
    assert (refusal, hub.num_commits, hub.repositories) == ("", 0, {})
    assert "sha256sum -c SHA256SUMS" in output
    sums = dict(line.split("  ")[::-1] for line in (where / "SHA256SUMS").read_text().splitlines())
    assert sorted(sums) == ["README.md", "config.json", "meta.json", "model.safetensors"]
    for name, digest in sums.items():
        assert hashlib.sha256((where / name).read_bytes()).hexdigest() == digest
    card = (where / "README.md").read_text()
    assert "began with: `test_resnet.r160_in1k` | apache-2.0, as timm names it" in card
    both = [ff.Detector.load(one).trained.identity() for one in (where, folder)]
    assert both[0] == both[1]
    assert "is there and not empty" in push("me/faces", "--to", str(where))[0]


def test_a_card_of_ones_own_is_sent_as_it_is(hub, push, folder):
    (folder / "README.md").write_text("---\nlicense: mit\n---\nMine")
    push("me/faces")
    assert hub.files["README.md"] == (folder / "README.md").read_bytes()


@pytest.mark.slow
def test_an_ensemble_is_pushed_with_the_files_of_its_members(
    hub, folder, push, photo, *, measured, make_detector
):
    other = replace(make_detector("test_vit"), preprocessing=measured.preprocessing)
    members = {"a": measured, "b": other}
    joined = join_detectors(
        members, data_fingerprint="0", code_version={"face_forgery": "1"}, other_data="allow"
    )
    shutil.rmtree(folder)
    folder.mkdir()
    write_detector(
        replace(joined, metrics=measured.metrics, operating_points=measured.operating_points),
        folder,
    )
    assert push("me/both")[0] == ""
    assert len(hub.files) == 2 + 2 * 3
    assert "timm.create_model" not in hub.files["README.md"].decode()
    judged = ff.Detector.load("hf-hub:me/both").judge(photo)
    assert judged == ff.Detector.load(folder).judge(photo)


@pytest.mark.slow
def test_an_adopted_graph_is_pushed_and_pulled_with_the_same_score(
    hub, folder, push, photo, measured
):
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    adopted = adopt_module(network, "transformers/Theirs", measured.preprocessing, (1,))
    known = ("metrics", "operating_points", "code_version", "data_fingerprint")
    said = {name: getattr(measured, name) for name in known}
    shutil.rmtree(folder)
    folder.mkdir()
    write_detector(replace(adopted, training_data=trained_elsewhere("theirs"), **said), folder)
    assert push("me/theirs")[0] == ""
    assert sorted(hub.files) == ["README.md", "meta.json", "network.bin", "network.xml"]
    card = hub.files["README.md"].decode()
    assert "timm.create_model" not in card
    assert "Trained elsewhere (theirs): what it learnt from is unknown." in card
    judged = ff.Detector.load("hf-hub:me/theirs").judge(photo)
    assert judged == ff.Detector.load(folder).judge(photo)
    assert judged.status == "ok"


def test_private_is_private_and_never_a_repository_that_is_public_already(hub, push):
    push("me/mine", "--private")
    assert hub.repositories == {"me/mine": True}
    assert push("me/mine", "--private")[0] == ""
    hub.repositories["me/faces"] = False
    refusal, output, _ = push("me/faces", "--private")
    assert "is public already" in refusal
    assert (output, hub.num_commits) == ("", 2)


@pytest.mark.parametrize(
    ("name", "token", "said"),
    [
        ("nobody/faces", "good", "refuses (404: Not Found); is there a user or an organization"),
        ("stranger/faces", "good", "rights to create a model under this namespace); your token"),
        ("me/faces", "bad", "refuses (401: Invalid username or password.); the hub does not know"),
        ("me/faces", "", "`hf auth login`, or HF_TOKEN"),
        ("me/a--b", "good", "me/a--b: Cannot have -- or .. in repo_id"),
    ],
)
def test_what_the_hub_refuses_is_one_line_with_the_remedy(
    hub, push, monkeypatch, *, name, token, said
):
    monkeypatch.setenv("HF_TOKEN", token)
    refusal, output, _ = push(name)
    assert said in refusal
    assert (len(refusal.splitlines()), output, hub.files) == (1, "", {})


def test_without_a_network_it_is_one_line(hub, push, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    refusal, _, _ = push("me/faces")
    assert refusal.startswith("me/faces: ")
    assert "refused" in refusal
    assert len(refusal.splitlines()) == 1


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda folder: (folder / "config.json").write_text("{}"), "the content is not what"),
        (lambda folder: edit(folder, operating_points=None), "no operating points"),
        (lambda folder: edit(folder, metrics=None), "meta.json holds no metrics"),
        (lambda folder: edit(folder, metrics={}), "lacks what a model card says"),
    ],
)
def test_what_is_not_whole_or_not_evaluated_stays_here(hub, push, folder, harm, said):
    harm(folder)
    refusal, _, errors = push("me/faces")
    assert said in refusal
    assert len(refusal.splitlines()) == 1
    assert "Sends" not in errors
    assert hub.repositories == {}


def edit(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | changes))


def test_a_name_without_an_owner_is_a_wrong_argument(push):
    refusal, _, errors = push("faces")
    assert refusal == "2"
    assert "'faces' is not of the form OWNER/NAME" in errors
