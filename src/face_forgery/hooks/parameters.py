"""Parameters are checked as a whole before any node runs."""

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from face_forgery.params import check_parameters


class ParameterHooks:
    """Refuse unknown, missing and contradicting parameters, whatever pipeline is to run.

    Kedro checks only the sections that the requested nodes use, and accepts any other key.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check the merged parameters of the environment and the command line."""
        values: dict[str, Any] = context.config_loader["parameters"]
        check_parameters(values)
