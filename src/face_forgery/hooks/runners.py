"""Nodes run one after another, in one process."""

from typing import Any

from kedro.framework.hooks import hook_impl

_REFUSED = ("ParallelRunner", "ThreadRunner")


class RunnerError(ValueError):
    """The runner would spoil results without a word."""


class RunnerHooks:
    """Refuse the runners that share nothing, or everything, among nodes.

    Batches and networks live in memory between nodes: `ParallelRunner` hands on emptied copies of
    them and calls no hook, so that nothing is tracked; `ThreadRunner` runs nodes outside the main
    thread, where random state is shared and signals do not arrive.
    """

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Look at the runner before any node runs."""
        refused = [name for name in _REFUSED if name in run_params["runner"]]
        if refused:
            raise RunnerError(
                f"{refused[0]} cannot run these pipelines: batches and networks live in memory "
                "between nodes. Leave out --runner; nodes use several processes by themselves "
                "(training.num_workers, scoring.num_workers, ingestion.num_workers)"
            )
