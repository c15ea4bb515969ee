"""A Kedro project of two nodes that is tracked by this project's hooks."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

FILES = {
    "pyproject.toml": """
        [tool.kedro]
        package_name = "tiny"
        project_name = "tiny"
        kedro_init_version = "1.7.0"
        source_dir = "src"
        """,
    "conf/local/.gitkeep": "",
    "conf/logging.yml": Path(__file__).parents[2] / "conf/logging.yml",
    "conf/base/parameters.yml": """
        training: {epochs: 3, how: whole, optimizer: {name: adamw, betas: [0.9, 0.99]}}
        unused: {secret: 1}
        inference: {min_size: 48}
        tracking:
          enabled: true
          tracking_uri: sqlite:///mlflow.db
          experiment: tiny
          run_name: null
          run_id: null
          register_model: null
          skip_pipelines: [quiet]
        """,
    "conf/base/catalog.yml": """
        history:
          type: json.JSONDataset
          filepath: data/history.json
          metadata: {mlflow: {as: epoch_metrics}}
        metrics:
          type: json.JSONDataset
          filepath: data/metrics.json
          metadata: {mlflow: {as: metrics, group: val}}
        "{name}_note":
          type: json.JSONDataset
          filepath: data/{name}_note.json
          metadata: {mlflow: {as: artifact, folder: notes}}
        """,
    "src/tiny/__init__.py": "",
    "src/tiny/settings.py": """
        from face_forgery.hooks.tracking import TrackingHooks
        from face_forgery.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS

        HOOKS = (TrackingHooks(),)
        """,
    "src/tiny/pipeline_registry.py": """
        import time
        from pathlib import Path

        from kedro.pipeline import Node, Pipeline


        def train(params):
            for epoch in range(1, params["epochs"] + 1):
                if epoch == 2 and params["how"] == "broken":
                    raise ValueError(f"{params.get('url')} is not finite in epoch 2")
                if epoch == 3 and params["how"] == "interrupted":
                    raise KeyboardInterrupt
                if epoch == 3 and params["how"] == "endless":
                    Path("waiting").touch()
                    time.sleep(60)
                yield [{"epoch": n, "val_auc": n / 10, "note": "x"} for n in range(1, epoch + 1)]


        def evaluate(history):
            auc = {"value": history[-1]["val_auc"], "low": 0.1, "high": None}
            return {"auc": auc, "notes": {"eer": "too few"}}, {"text": "hello"}


        def register_pipelines():
            train_node = Node(train, "params:training", "history", name="train")
            evaluate_node = Node(evaluate, "history", ["metrics", "my_note"], name="evaluate")
            whole = Pipeline([train_node, evaluate_node])
            return {"__default__": whole, "training": Pipeline([train_node]), "quiet": whole}
        """,
}


@pytest.fixture
def make_project(tmp_path, empty_store, monkeypatch):
    """Write the project; a mapping replaces files by name."""

    def make(files=None):
        for name, text in {**FILES, **(files or {})}.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            text = text.read_text() if isinstance(text, Path) else textwrap.dedent(text)
            file.write_text(text)
        shutil.copy(empty_store, tmp_path / "mlflow.db")
        for name in [name for name in sys.modules if name.split(".")[0] == "tiny"]:
            del sys.modules[name]
        monkeypatch.syspath_prepend(tmp_path / "src")
        return TinyProject(tmp_path)

    return make


class TinyProject:
    def __init__(self, root: Path) -> None:
        self.root = root
        source = Path(__file__).parents[2] / "src"
        self._env = {
            name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")
        } | {"PYTHONPATH": str(source), "DO_NOT_TRACK": "true"}

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "kedro", "run", *arguments],
            cwd=self.root,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A shell starts a job in the background with Ctrl-C ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def run(self, *pipeline_names: str, **params: Any) -> None:
        """Run in this process; keywords name parameters, with ``.`` as ``__``."""
        runtime_params: dict[str, Any] = {}
        for name, value in params.items():
            *sections, key = name.split("__")
            section = runtime_params
            for part in sections:
                section = section.setdefault(part, {})
            section[key] = value
        bootstrap_project(self.root)
        with KedroSession.create(self.root, runtime_params=runtime_params) as session:
            session.run(pipeline_names=list(pipeline_names))

    def interrupt(self, number: int) -> SimpleNamespace:
        """Start an endless run, wait for its third epoch, send the signal."""
        process = self.start("--params", "training.how=endless")
        deadline = time.monotonic() + 600
        while not (self.root / "waiting").exists():
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate(timeout=300)
        return SimpleNamespace(code=process.returncode, output=output)

    @property
    def client(self):
        from mlflow import MlflowClient

        file = str(self.root / "mlflow.db")  # a URL gives ? and %20 another meaning
        return MlflowClient(f"sqlite:///{os.path.relpath(file) if '?' in file else file}")

    def tracked_runs(self, experiment: str = "tiny"):
        found = self.client.get_experiment_by_name(experiment)
        return [] if found is None else list(self.client.search_runs([found.experiment_id]))

    def tracked_run(self):
        (run,) = self.tracked_runs()
        return run
