"""Models of torchvision, transformers and ONNX score as their own libraries do."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

import face_forgery as ff
from face_forgery.modeling.adopting import graph as graph_module
from face_forgery.modeling.adopting.adopt import adopt_model
from face_forgery.modeling.adopting.graph import adopt_module
from face_forgery.modeling.detector import BackboneError, DetectorError, Preprocessing
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.engines import stored_graph
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.params import AdoptParams

SIZE = 32
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
GIVEN = {"image_size": SIZE, "interpolation": "bilinear", "mean": MEAN, "std": STD}
SHUFFLENET = {"architecture": "torchvision/shufflenet_v2_x0_5"}


def describe(model, **changes):
    nothing = dict.fromkeys(AdoptParams.model_fields) | {"options": {}}
    return AdoptParams(**nothing | changes | {"model": str(model)})


def draw(side, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (side // 4, side // 4, 3), np.uint8)
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)


def scores_of(detector, points, *images):
    judge = ff.Detector(replace(detector, operating_points=points), min_size=1).judge
    return [one.score for one in judge(list(images))]


def normalized(image):
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255 - mean) / std


def own_scores(network, images, fake=1):
    with torch.inference_mode():
        return [float(network(normalized(one)).softmax(1)[0, fake]) for one in images]


@pytest.fixture(scope="module")
def points(make_detector):
    return make_detector().operating_points


@pytest.fixture(scope="module")
def adopted(make_torchvision, tmp_path_factory):
    file = tmp_path_factory.mktemp("torchvision") / "model.pth"
    torch.save({"state_dict": make_torchvision().state_dict()}, file)
    return adopt_model(describe(file, fake=0, **SHUFFLENET, **GIVEN))


def test_a_torchvision_checkpoint_scores_as_torchvision_does(adopted, make_torchvision, points):
    images = [draw(SIZE, seed) for seed in range(3)]
    expected = own_scores(make_torchvision(), images, fake=0)
    np.testing.assert_allclose(scores_of(adopted, points, *images), expected, atol=1e-5)
    assert np.std(expected) > 0.001
    assert (adopted.architecture, adopted.network) == ("torchvision/shufflenet_v2_x0_5", "openvino")
    assert 300_000 < adopted.count_parameters() < 400_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param("vit", marks=pytest.mark.slow), "resnet"])
def test_a_folder_of_transformers_scores_as_transformers_does(save_transformers, points, kind):
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    folder = save_transformers(kind)
    network = AutoModelForImageClassification.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)
    adopted = adopt_model(describe(folder))
    side = adopted.preprocessing.image_size
    assert side == {"vit": 32, "resnet": 64}[kind]
    images = [draw(side, seed) for seed in range(3)] + [draw(200, 9)]
    with torch.inference_mode():
        pixels = [processor(images=one, return_tensors="pt") for one in images]
        expected = [float(network(**one).logits.softmax(1)[0, 1]) for one in pixels]
    found = scores_of(adopted, points, *images)
    np.testing.assert_allclose(found, expected, atol=1e-5)  # the last is resized alike
    assert np.std(expected) > 0.001


def tiny(num_outputs, *ends):
    layers = torch.nn
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = layers.Sequential(
            *(layers.Conv2d(3, 4, 3), layers.ReLU(), layers.AdaptiveAvgPool2d(1)),
            *(layers.Flatten(), layers.Linear(4, num_outputs), *ends),
        )
        torch.nn.init.normal_(body[4].weight)
    return body.eval()


@pytest.mark.parametrize("fake", [1, (0, 2)])
def test_an_onnx_file_scores_as_onnxruntime_does(tmp_path, points, fake):
    import onnxruntime

    network = tiny(3, torch.nn.Softmax(dim=1))
    file, example = tmp_path / "model.onnx", torch.zeros((2, 3, SIZE, SIZE))
    torch.onnx.export(
        network, (example,), file, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}
    )
    given = {name: value for name, value in GIVEN.items() if name != "image_size"}
    adopted = adopt_model(describe(file, fake=fake, **given))
    images = [draw(SIZE, seed) for seed in range(3)]
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    batch = torch.cat([normalized(one) for one in images]).numpy()
    probabilities = session.run(None, {"x": batch})[0]
    expected = probabilities[:, [fake] if isinstance(fake, int) else list(fake)].sum(axis=1)
    np.testing.assert_allclose(scores_of(adopted, points, *images), expected, atol=1e-5)


@pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_single_probability_is_taken_back_to_its_logit(tmp_path, points, dynamo):
    network = tiny(1, torch.nn.Flatten(0), torch.nn.Sigmoid())
    file, batch = tmp_path / "model.onnx", torch.export.Dim("batch")
    how = {"dynamic_shapes": ({0: batch},)} if dynamo else {"dynamic_axes": {"x": {0: "n"}}}
    example = torch.zeros((2, 3, SIZE, SIZE))
    torch.onnx.export(network, (example,), file, dynamo=dynamo, input_names=["x"], **how)
    given = {name: value for name, value in GIVEN.items() if name != "image_size"}
    adopted = adopt_model(describe(file, fake=0, **given))
    images = [draw(SIZE, seed) for seed in range(3)]
    with torch.inference_mode():
        expected = [1 - float(network(normalized(one))[0]) for one in images]
    np.testing.assert_allclose(scores_of(adopted, points, *images), expected, atol=1e-5)
    assert np.std(expected) > 0.001


def test_the_folder_gives_back_the_detector_and_its_scores(adopted, points, tmp_path):
    certified = replace(adopted, operating_points=points, temperature=2.0)
    write_detector(certified, tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"meta.json", "network.xml", "network.bin"}
    stored = read_detector(tmp_path)
    assert stored.identity() == certified.identity() != adopted.identity()
    image = draw(100)
    assert scores_of(stored, points, image) == scores_of(certified, points, image)
    explained = ff.Detector(stored, min_size=1).judge(image).explain()
    assert explained.heat.shape == (SIZE, SIZE)
    assert np.abs(explained.heat).max() > 0


@pytest.mark.parametrize("name", ["network.xml", "network.bin"])
def test_a_damaged_graph_is_refused(adopted, tmp_path, name):
    write_detector(adopted, tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DetectorError, match=rf"{name}: the content is not what meta\.json says"):
        read_detector(tmp_path)


def test_an_oversized_graph_is_refused(adopted, tmp_path, monkeypatch):
    write_detector(adopted, tmp_path)
    with (tmp_path / "network.bin").open("r+b") as file:
        file.truncate(2**33)
    with pytest.raises(DetectorError, match=r"8,589,934,592 bytes are more than"):
        read_detector(tmp_path)
    cut = adopted.graph._replace(weights=adopted.graph.weights[:100])
    with pytest.raises(DetectorError, match=r"the graph of this .* cannot be used: .*adopt the"):
        build_scorer(replace(adopted, graph=cut))
    monkeypatch.setattr(stored_graph, "MAX_ACTIVATIONS", 1000)
    with pytest.raises(DetectorError, match=r"gives .* numbers"):
        build_scorer(adopted)


@pytest.mark.parametrize("changes", [{"tta": "flip"}, {"precision": "int8"}])
def test_a_graph_is_computed_as_it_is(adopted, tmp_path, changes):
    with pytest.raises(DetectorError, match=r"computed as it is; set scoring\.precision=float32"):
        adopted.scored_by(**{"precision": "float32", "tta": "none"} | changes)
    write_detector(adopted, tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text()) | changes
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DetectorError, match="network=openvino goes with"):
        read_detector(tmp_path)


def test_what_needs_torch_is_refused_with_the_remedy(adopted):
    with pytest.raises(DetectorError, match="OpenVINO alone computes, and the engine torch"):
        build_scorer(adopted, "torch")
    with pytest.raises(DetectorError, match="torch cannot build"):
        adopted.build_network()
    with pytest.raises(DetectorError, match=r"export\.export_for_openvino"):
        ff.export_onnx(adopted)
    assert set(ff.export_openvino(adopted)) == {"detector.xml", "detector.bin"}


REFUSED_CHECKPOINTS = [
    ({"architecture": "torchvision/shufflenet_v2_x05"}, "did you mean torchvision/shufflenet_v2"),
    ({"architecture": "torchvision/raft_large"}, "is no classifier of torchvision"),
    ({"architecture": "torchvision/resnet18"}, r"has no head|the file lacks \d+ of \d+ tensors"),
    ({"fake": None}, "does not say what means fake"),
    ({"fake": 5}, r"adopt\.fake=5 does not fit .* with 2 logit"),
    ({"options": {"nothing": 1}}, r"does not take adopt\.options={'nothing': 1}"),
    ({"image_size": None, "std": None}, r"adopt\.image_size, adopt\.std .*adopt\.image_size=224"),
]


@pytest.mark.parametrize(("changes", "why"), REFUSED_CHECKPOINTS)
def test_a_checkpoint_that_does_not_fit_is_refused(make_torchvision, tmp_path, changes, why):
    torch.save(make_torchvision().state_dict(), tmp_path / "model.pth")
    said = {"fake": 1, **SHUFFLENET, **GIVEN} | changes
    with pytest.raises(BackboneError, match=why) as caught:
        adopt_model(describe(tmp_path / "model.pth", **said))
    assert "\n" not in str(caught.value)


def test_labels_that_do_not_say_it_plainly_are_asked_about(save_transformers):
    folder = save_transformers("vit", labels=("LABEL_0", "LABEL_1"))
    with pytest.raises(BackboneError, match=r"its labels are 0: 'LABEL_0', 1: .*adopt\.fake=1"):
        adopt_model(describe(folder))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
         r"model\.safetensors is not there.*never opened"),
        (lambda folder: change(folder / "config.json", auto_map={"AutoConfig": "x.Y"}),
         "asks for auto_map, which may be code"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "adapter_config"),
        (lambda folder: (folder / "model.safetensors").write_bytes(pickle.dumps([1])),
         "transformers cannot load"),
        (lambda folder: change(folder / "preprocessor_config.json", do_pad=True), "do_pad cannot"),
        (lambda folder: change(folder / "preprocessor_config.json", resample=1),
         r"give adopt\.interpolation as it was trained"),
        (lambda folder: change(folder / "config.json", problem_type="multi_label_classification"),
         "labels that exclude each other"),
    ],
    ids=["pickle", "code", "adapter", "weights", "steps", "resample", "labels"],
)  # fmt: skip
def test_a_folder_of_transformers_that_cannot_be_taken_is_refused(save_transformers, damage, why):
    folder = save_transformers("vit")
    damage(folder)
    with pytest.raises(BackboneError, match=why) as caught:
        adopt_model(describe(folder))
    assert "\n" not in str(caught.value)


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_an_onnx_file_that_maps_no_images_to_logits_is_refused(tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"no onnx")
    with pytest.raises(BackboneError, match="cannot be read as ONNX"):
        adopt_model(describe(tmp_path / "no.onnx", fake=1, **GIVEN))
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    for shape, why in (
        ((2, 12), r"its input is f32 \[2,12\]"),
        ((2, 3, 2, 2), "fixed to 2 pixels"),
    ):
        torch.onnx.export(network, (torch.zeros(shape),), tmp_path / "a.onnx", dynamo=False)
        with pytest.raises(BackboneError, match=why):
            adopt_model(describe(tmp_path / "a.onnx", fake=1, **GIVEN))


def test_a_graph_with_other_logits_than_torch_is_not_taken(monkeypatch):
    monkeypatch.setattr(graph_module, "_add_normalization", lambda model, *_: shifted(model))
    with pytest.raises(BackboneError, match=r"cannot be adopted as it is: .* where torch gives"):
        adopt_module(tiny(2), "theirs", Preprocessing(SIZE, "bilinear", MEAN, STD), (1,))


original = graph_module._add_normalization


def shifted(model):
    original(model, Preprocessing(SIZE, "bilinear", (0.0,) * 3, (1.0,) * 3), None)


def test_a_wrong_index_is_refused_before_anything_runs():
    with pytest.raises(ValidationError):
        describe("x", fake=-1)
