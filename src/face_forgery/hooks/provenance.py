"""What a run was: command, pipelines, code, versions."""

import shlex
import sys
from pathlib import Path
from typing import Any

from face_forgery.data.redaction import mask
from face_forgery.datasets.code_version import CodeVersionDataset

_COMMIT_TAG = "mlflow.source.git.commit"  # shown by MLflow's pages


def describe_run(run_params: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a run.

    Args:
        run_params: What Kedro hands to ``before_pipeline_run``.

    Returns:
        Name -> text. Passwords in URLs of the command are masked.
    """
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    code = {
        name: str(value)
        for name, value in CodeVersionDataset().load().items()
        if value is not None  # outside a git checkout
    }
    if "git_commit" in code:
        code[_COMMIT_TAG] = code["git_commit"]
    return {
        "kedro.run_id": run_params["run_id"],
        "kedro.version": run_params["kedro_version"],
        "kedro.pipelines": ",".join(run_params["pipeline_names"] or ["__default__"]),
        "kedro.env": run_params["env"] or "local",
        "command": mask(command),
        **code,
    }
