"""What a run was: code, command, pipelines, versions."""

import platform
import re
import shlex
import sys
from importlib.metadata import version
from typing import Any

_PACKAGES = ("torch", "torchvision", "timm", "kedro")


def describe_run(run_params: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a run.

    Args:
        run_params: What Kedro hands to ``before_pipeline_run``.

    Returns:
        Name -> text. A user name and a password in a URL of the command are masked.
    """
    command = shlex.join(["kedro", *sys.argv[1:]])
    return {
        "kedro.run_id": run_params["run_id"],
        "kedro.pipelines": ",".join(run_params["pipeline_names"] or ["__default__"]),
        "kedro.env": run_params["env"] or "local",
        "command": re.sub(r"://[^/@\s]*@", "://***@", command),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }
