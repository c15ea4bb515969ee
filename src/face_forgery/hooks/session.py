"""The command of a run: names that are not there are answered in one line."""

import inspect
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from face_forgery.hooks.console import prepare_log_handlers
from face_forgery.hooks.error_messages import send_signal_again, show_error

_MOST_LISTED = 30
# Argument of `run` -> its option, what that names, and all such names of a pipeline.
_SELECTIONS: dict[str, Any] = {
    "tags": ("--tags", "tag", lambda found: {tag for node in found.nodes for tag in node.tags}),
    "from_nodes": ("--from-nodes", "node", lambda found: {node.name for node in found.nodes}),
    "to_nodes": ("--to-nodes", "node", lambda found: {node.name for node in found.nodes}),
    "node_names": ("--nodes", "node", lambda found: {node.name for node in found.nodes}),
    "namespaces": ("--namespaces", "namespace", lambda found: {n.namespace for n in found.nodes}),
    "from_inputs": ("--from-inputs", "dataset", lambda found: found.datasets()),
    "to_outputs": ("--to-outputs", "dataset", lambda found: found.all_outputs()),
}


class CommandError(ValueError):
    """The command names something that is not there; the message has the nearest names."""


class ProjectSession(KedroSession):
    """Kedro's session; it refuses names that are not there before anything is loaded."""

    def run(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Run as ``KedroSession.run``; a name of pipelines may hold several, with commas.

        Raises:
            CommandError: If an environment, a pipeline, a node, a tag, a namespace or a dataset
                is not there, or nothing is left to run.
        """
        prepare_log_handlers()
        sys.excepthook, sys.unraisablehook = show_error, send_signal_again
        given = inspect.signature(super().run).bind(*args, **options).arguments
        self._check_environment()
        given["pipeline_names"] = _check_names(
            [given.pop("pipeline_name", None) or "", *(given.get("pipeline_names") or ())]
        )
        _check_selection(given)
        return super().run(**given)

    def _check_environment(self) -> None:
        conf, env = Path(self._conf_source), self.store.get("env") or "local"
        if conf.is_dir() and not (conf / env).is_dir():
            there = {path.name for path in conf.iterdir() if path.is_dir()}
            raise CommandError(explain_unknown(f"--env {env}", "environment", env, there))


def _check_names(given: Iterable[str]) -> list[str]:
    """Return the names in the order of the registry: that of the data."""
    names = {name.strip() for names in given for name in names.split(",")} - {""}
    for name in sorted(names - pipelines.keys()):
        raise CommandError(explain_unknown(f"--pipelines {name}", "pipeline", name, pipelines))
    return [name for name in pipelines if name in names]


def _check_selection(given: dict[str, Any]) -> None:
    chosen = sum((pipelines[n] for n in given["pipeline_names"] or ["__default__"]), Pipeline([]))
    selection = {name: given[name] for name in _SELECTIONS if given.get(name)}
    for argument, wanted in selection.items():
        for name in sorted(set(wanted) - _SELECTIONS[argument][2](chosen)):
            raise CommandError(_explain_selected(argument, name, chosen))
    if "namespaces" in selection:
        selection["node_namespaces"] = selection.pop("namespaces")
    try:
        chosen.filter(**selection)
    except ValueError as error:
        options = ", ".join(_SELECTIONS[name][0] for name in _SELECTIONS if given.get(name))
        raise CommandError(f"{options}: together they leave no node to run") from error


def _explain_selected(argument: str, name: str, chosen: Pipeline) -> str:
    option, what, names_of = _SELECTIONS[argument]
    for other, found in pipelines.items():
        if name in names_of(found):
            return f"{option} {name}: it is in another pipeline; add --pipelines {other}"
    short = [full for full in names_of(chosen) if full.endswith(f".{name}")]
    return explain_unknown(f"{option} {name}", what, (short or [name])[0], names_of(chosen))


def explain_unknown(given: str, what: str, name: str, there: Iterable[str]) -> str:
    """Return one line: what is not ``there``, the nearest names, and all of them unless too many.

    ``given`` begins the line, as it was written; ``what`` is the kind of the ``name`` in it.
    """
    known = sorted(there)
    by_form = {one.lower().replace("-", "_"): one for one in known}
    near = get_close_matches(name.lower().replace("-", "_"), by_form, n=3, cutoff=0.5)
    hint = f"; did you mean {', '.join(by_form[one] for one in near)}?" if near else ""
    if near and len(known) > _MOST_LISTED:
        return f"{given}: there is no such {what}{hint} (of {len(known)} {what}s)"
    return f"{given}: there is no such {what}{hint} ({what}s: {', '.join(known)})"
