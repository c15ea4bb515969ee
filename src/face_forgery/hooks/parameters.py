"""Parameters are checked as a whole before any node runs."""

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from face_forgery.params import ParameterError, Parameters, check_parameters

_HOW_TO_SET = "Set them with --params NAME=VALUE, or in conf/*/parameters*.yml."


class ParameterHooks:
    """Refuse unknown, missing and contradicting parameters, whatever pipeline is to run.

    Kedro checks only the sections that the requested nodes use, and accepts any other key.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check the merged parameters of the environment and the command line."""
        values: dict[str, Any] = context.config_loader["parameters"]
        try:
            self._parameters: Parameters = check_parameters(values)
        except ParameterError as error:
            raise ParameterError(f"{error}\n{_HOW_TO_SET}") from None

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Look the backbone up before hours of work, if anything is to be built from it."""
        if "params:model" not in pipeline.inputs():
            return
        from face_forgery.modeling.factory import check_backbone

        check_backbone(self._parameters.model.backbone)
