"""Parameters are checked as a whole before any node runs."""

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from face_forgery.params import Parameters, check_parameters


class ParameterHooks:
    """Refuse unknown, missing and contradicting parameters, whatever pipeline is to run.

    Kedro checks only the sections that the requested nodes use, and accepts any other key.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check the merged parameters of the environment and the command line."""
        values: dict[str, Any] = context.config_loader["parameters"]
        self._parameters: Parameters = check_parameters(values)

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Look backbone and input up before hours of work, if anything is to be built from it."""
        if "params:model" not in pipeline.inputs():
            return
        from face_forgery.modeling.factory import check_model

        check_model(self._parameters.model)
