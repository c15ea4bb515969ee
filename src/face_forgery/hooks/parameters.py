"""The parameters of a run: where its relative paths lie, whether they fit, how they are set."""

import logging
import os
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

import face_forgery as ff
from face_forgery.data.labels.locations import find_spellings
from face_forgery.hooks.missing_inputs import check_inputs
from face_forgery.hooks.run_lock import find_outputs
from face_forgery.hooks.user_data import (
    check_labels,
    check_testing_sets,
    refuse_ignored,
    refuse_overwriting,
)
from face_forgery.params import ParameterError, Parameters, check_parameters
from face_forgery.params.check import known_names

logger = logging.getLogger(__name__)

# Paths that nodes open themselves; Kedro resolves the ``filepath`` of a catalog entry.
_PATHS = (
    *(("data", "root"), ("demo_data", "root"), ("forging", "root")),
    *(("model", "weights"), ("adopt", "model"), ("ingestion", "links_into")),
)
_REFUSED_RUNNERS = ("ParallelRunner", "ThreadRunner")
_HOW_TO_SET = (
    "(parameters: for one run kedro run --params NAME=VALUE,..., for all conf/local/parameters.yml)"
)
HOW_TO_RUN = "(pipelines: kedro run --pipelines NAME,NAME,...)"
_HAS_COMMAND = re.compile("kedro run|--pipelines")
_PIPELINE = re.compile(r"\bpipelines? [a-z]")
_DOTTED = re.compile(r"[a-z]\w*(?:\.\w+)+")


class ParameterHooks:
    """Refuse parameters, and runners, that do not fit before any node runs."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters, and take their relative paths from the project's folder.

        Kedro checks only the sections that the requested nodes use, and accepts any other key.
        Started in the project's folder, a run has the parameters as they were written.
        """
        values: dict[str, Any] = context.config_loader["parameters"]
        here, project = Path.cwd(), Path(context.project_path)
        if here != project:
            values = rebase_paths(values, project, here)
        check_parameters(values)
        self._spellings = find_spellings(values["data"])
        if self._spellings:
            values = values | {"data": values["data"] | self._spellings}
        # Kept for all who ask later: the loader reads the files anew each time.
        context.config_loader["parameters"] = values
        self._parameters: Parameters = check_parameters(values)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
    ) -> None:
        """Refuse other runners than Kedro's sequential one, unknown names, and missing inputs.

        Batches and networks live in memory between nodes: `ParallelRunner` hands on emptied copies
        of them and calls no hook, so that nothing is tracked; `ThreadRunner` runs nodes outside the
        main thread, where random state is shared and signals do not arrive.
        """
        refused = [name for name in _REFUSED_RUNNERS if name in run_params["runner"]]
        if refused:
            raise ParameterError(
                f"{refused[0]} cannot run these pipelines: batches and networks live in memory "
                "between nodes. Leave out --runner; nodes use several processes by themselves "
                "(training.num_workers, scoring.num_workers, ingestion.num_workers)"
            )
        refuse_ignored(run_params, pipeline, self._parameters.data.sets)
        self._say_spellings(pipeline)
        check_labels(pipeline, catalog, self._parameters)
        check_testing_sets(run_params["pipeline_names"] or [], catalog, self._parameters)
        outputs = find_outputs(pipeline, catalog, self._parameters.model_dump())
        refuse_overwriting(pipeline, self._parameters, outputs)
        check_inputs(run_params["pipeline_names"] or ["the main job"], pipeline, catalog)
        if "params:model" in pipeline.inputs():
            ff.check_model(self._parameters.model)
        if {"params:model", "params:training"} <= pipeline.inputs():
            ff.check_loss(self._parameters.training.loss.name)
        quantizes = self._parameters.scoring.precision == "int8"
        if quantizes and "evaluation.choose_precision" in {node.name for node in pipeline.nodes}:
            ff.check_nncf()

    def _say_spellings(self, pipeline: Pipeline) -> None:
        if not self._spellings or "train_labels" not in pipeline.inputs():
            return
        taken = [f"data.{name}={found}" for name, found in self._spellings.items() if found]
        if taken:
            logger.info("Other usual names are there, and taken: %s", ", ".join(taken))
        if None in self._spellings.values():
            logger.info("There is no test set under a usual name; a submission covers validation")


def rebase_paths(values: dict[str, Any], project: Path, here: Path) -> dict[str, Any]:
    """Return the parameters with paths relative to ``project`` made relative to ``here``."""
    values = deepcopy(values)
    for section, key in _PATHS:
        held = values.get(section)
        # A value of another type is for the rules of params.
        if isinstance(held, dict) and isinstance(held.get(key), str):
            held[key] = os.path.relpath(project / held[key], here)
    sets = (values.get("testing") or {}).get("sets") or []
    for one in sets.values() if isinstance(sets, dict) else sets:
        for key in {"labels", "images"} & set(one) if isinstance(one, dict) else ():
            one[key] = os.path.relpath(project / str(one[key]), here)
    return values


def how_to_set(message: str) -> str:
    """Return how parameters are set and pipelines run where a message of the library names one."""
    hints = []
    if "--params" not in message and set(_DOTTED.findall(message)) & set(known_names(Parameters)):
        hints.append(_HOW_TO_SET)
    if not _HAS_COMMAND.search(message) and _PIPELINE.search(message):
        hints.append(HOW_TO_RUN)
    return "\n".join(hints)
