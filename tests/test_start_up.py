"""What a command does not need, it does not import: seconds of every start."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
HEAVY = ("torchvision", "torch._dynamo", "timm", "matplotlib", "sklearn", "faiss", "ray")
STORES = ("mlflow", "sqlalchemy", "kedro_datasets.pandas")

WIRE = """
import face_forgery.settings
from face_forgery.pipeline_registry import register_pipelines
register_pipelines()
"""
# All of inference but the network: where OpenVINO computes it, nothing else needs timm.
JUDGE = """
import sys
import torch
import face_forgery.datasets.detector
from face_forgery.config_loader import read_parameters
from face_forgery.datasets.predictions import BegunPredictionsDataset, PredictionsDataset
from face_forgery.datasets.user_files import ImageListDataset
from face_forgery.modeling.detector import Detector, OperatingPoints, Preprocessing, Proportion
from face_forgery.params import ClusterParams, ExplanationParams, InferenceParams, ScoringParams
from face_forgery.pipelines.inference import nodes
from pathlib import Path

class Brightness(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, images):
        means = self.weight * images.float().mean((1, 2, 3))
        return torch.stack([-means, means], dim=1)

class Known(Detector):
    def build_network(self):
        return Brightness()

root, image, output = sys.argv[1:]
rate = Proportion(0.1, 0.0, 0.2)
points = OperatingPoints(0.4, 0.6, *[0.1] * 4, 9, 9, True, 9, 9, *[rate] * 6)
how = Preprocessing(48, "bilinear", (0.5,) * 3, (0.5,) * 3, scaled_decoding=True)
detector = Known("none", {}, {}, how, 1, operating_points=points)
values = read_parameters(Path(root) / "conf")
inference = InferenceParams(**values["inference"])
images = ImageListDataset(filepath=image).load()
table = PredictionsDataset(filepath=output)
for part in nodes.judge_images(
    detector=detector,
    images=images,
    predictions_begun=BegunPredictionsDataset(filepath=output).load(),
    inference=inference,
    scoring=ScoringParams(**values["scoring"]),
    cluster=ClusterParams(**values["cluster"]),
):
    table.save(part)
assert nodes.end_inference(table.load()) == ["1 image: 0 real, 1 fake, 0 unsure"]
explained = nodes.explain_judged(
    detector=detector,
    images=images,
    predictions=table.load(),
    inference=inference,
    explanation=ExplanationParams(**values["explanation"]),
    scoring=ScoringParams(**values["scoring"]),
)
assert not [*explained]
"""


def modules_after(program, *arguments):
    code = f"{program}\nimport sys; print(*sorted(sys.modules))"
    with tempfile.TemporaryDirectory() as cache:  # of converted networks: none is there yet
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={"PYTHONPATH": str(ROOT / "src"), "PATH": "", "XDG_CACHE_HOME": cache}
            | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_wiring_the_pipelines_imports_no_library_that_computes():
    needless = {*HEAVY, *STORES, "torch", "cv2", "scipy"}
    assert modules_after(WIRE) & needless == set()


def test_judging_an_image_imports_only_what_reads_scores_and_writes(tmp_path):
    Image.new("RGB", (64, 80), "white").save(tmp_path / "one.jpg")
    found = modules_after(JUDGE, ROOT, tmp_path / "one.jpg", tmp_path / "predictions.csv")
    assert found & {*HEAVY, *STORES} == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["page.cards", "server"])
def test_the_page_and_the_server_import_no_network_before_they_have_a_detector(name):
    assert modules_after(f"import face_forgery.serving.{name}") & {*HEAVY} == set()
