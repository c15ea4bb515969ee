"""A detector with random weights, logged once, and how to start a server."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import torch

from face_forgery.hooks.store import import_mlflow
from face_forgery.modeling.detector import Detector, Preprocessing
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.modeling.factory import build_blank_network
from face_forgery.serving.packaging import log_detector

BACKBONE, SIZE = "test_resnet.r160_in1k", 32


@pytest.fixture(scope="session")
def detector(make_detector):
    torch.manual_seed(0)
    points = replace(make_detector().operating_points, real_threshold=0.2, fake_threshold=0.8)
    given = Preprocessing(SIZE, "bilinear", (0.5,) * 3, (0.5,) * 3, scaled_decoding=True)
    blank = Detector(
        BACKBONE, {}, {}, given, 1, data_fingerprint="0", metrics={}, operating_points=points
    )
    return replace(blank, weights=build_blank_network(blank).backbone.state_dict())


@pytest.fixture(scope="session")
def detector_folder(detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    write_detector(detector, folder)
    return folder


@pytest.fixture(scope="session")
def logged(detector_folder, empty_store, tmp_path_factory):
    """Return where the detector is logged and registered; its store stays the current one."""
    root = tmp_path_factory.mktemp("store")
    mlflow = import_mlflow()
    before = mlflow.get_tracking_uri()
    shutil.copy(empty_store, root)
    mlflow.set_tracking_uri(f"sqlite:///{root / 'mlflow.db'}")
    mlflow.create_experiment("serving", artifact_location=(root / "mlruns").as_uri())
    mlflow.set_experiment("serving")
    with mlflow.start_run() as run:
        uri = log_detector(detector_folder, min_size=48, register_as="face-forgery")
    folder = mlflow.artifacts.download_artifacts(uri, dst_path=str(root / "model"))
    yield SimpleNamespace(uri=uri, run_id=run.info.run_id, folder=folder)
    mlflow.set_tracking_uri(before)


@contextmanager
def serving(root, *arguments, ping="/", **env):
    """Start ``python -m ARGUMENTS --port PORT``; yield its process and address; end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | env
    command = [sys.executable, "-m", *arguments, "--port", str(port)]
    log, address = root / "server.log", f"http://127.0.0.1:{port}"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=root, stdout=file, stderr=file, env=env)
    try:
        end = time.monotonic() + 300
        while True:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, f"no answer in 300 s: {log.read_text()[-2000:]}"
            with suppress(httpx.TransportError):
                httpx.get(address + ping, timeout=2)
                break
            time.sleep(0.1)
        yield SimpleNamespace(process=process, address=address)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def start_server():
    return serving
