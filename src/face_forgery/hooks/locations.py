"""Relative locations mean the same wherever in the project a command is started."""

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

# Those that nodes open themselves; Kedro does the same for the ``filepath`` of a catalog entry.
_LOCATIONS = (("data", "root"), ("demo_data", "root"), ("forging", "root"), ("model", "weights"))


class LocationHooks:
    """Take relative locations in the parameters from the project's folder.

    Started in the project's folder, a run has the parameters as they were written.
    """

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Rewrite relative locations for the folder the command was started in."""
        here, project = Path.cwd(), Path(context.project_path)
        if here != project:
            parameters = context.config_loader["parameters"]
            context.config_loader["parameters"] = rebase_locations(parameters, project, here)


def rebase_locations(values: dict[str, Any], project: Path, here: Path) -> dict[str, Any]:
    """Return the parameters with locations relative to ``project`` made relative to ``here``."""
    values = deepcopy(values)
    for section, key in _LOCATIONS:
        held = values.get(section)
        # A value of another type is for the rules of params.
        if isinstance(held, dict) and isinstance(held.get(key), str):
            held[key] = os.path.relpath(project / held[key], here)
    return values
