"""Kedro's settings of the project."""

from face_forgery.config_loader import CONFIG_LOADER_ARGS, ProjectConfigLoader
from face_forgery.hooks.console import ConsoleHooks
from face_forgery.hooks.parameters import ParameterHooks
from face_forgery.hooks.run_lock import RunLockHooks
from face_forgery.hooks.session import ProjectSession
from face_forgery.hooks.tracking import TrackingHooks

# The last is called first, but for those that ask to be.
HOOKS = (TrackingHooks(), RunLockHooks(), ParameterHooks(), ConsoleHooks())

# The project tracks runs itself; the plugin, where it is installed, would start a second run.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)

CONFIG_LOADER_CLASS = ProjectConfigLoader
SESSION_CLASS = ProjectSession
__all__ = [
    "CONFIG_LOADER_ARGS",
    "CONFIG_LOADER_CLASS",
    "DISABLE_HOOKS_FOR_PLUGINS",
    "HOOKS",
    "SESSION_CLASS",
]
