"""Configuration: Kedro's loader, with a catalog that may refer to the parameters."""

import glob
import os
import re
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf
from omegaconf.errors import ConfigTypeError, InterpolationResolutionError
from omegaconf.resolvers import oc

from face_forgery.params import ParameterError
from face_forgery.params.renamed import RENAMED_TYPES

_HOME = re.compile(r"((?:sqlite|file):/{2,3})?(~[^/]*)(/.*)?", re.DOTALL)
_OWN_VARIABLES = "FACE_FORGERY_"
_TYPES = "face_forgery.datasets."
_TRACKING_URI = "MLFLOW_TRACKING_URI"  # the default of tracking.tracking_uri


def read_environment(name: str, *default: str | None) -> str | None:
    """Return a variable of the environment that parameters may refer to.

    Raises:
        ValueError: If its name does not say that it is meant for this project.
    """
    if name != _TRACKING_URI and not name.startswith(_OWN_VARIABLES):
        raise ValueError(
            f"parameters may read {_TRACKING_URI} and variables that begin with {_OWN_VARIABLES} "
            f"from the environment, not {name}; give it another name if it is no secret"
        )
    if not default and name not in os.environ:
        raise ValueError(
            f"{name} is not set in the environment; ${{oc.env:{name},VALUE}} has a default"
        )
    value: str | None = oc.env(name, *default)
    return value


CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment names only the keys that differ; the default would replace whole sections.
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": {"oc.env": read_environment},
}


class ProjectConfigLoader(OmegaConfigLoader):
    """Adds ``${params:data.root}`` to catalogs: the value that nodes see as ``params:data``.

    Where the data lie is a parameter, because users change it for a run (``--params
    data.root=...``) or for good (``conf/local/parameters.yml``). With a resolver of its own a
    location has one owner, and the catalog cannot disagree with the nodes.

    ``${oc.env:NAME}`` reads the environment, but only what was put there for this project:
    parameters are written into detectors, reports and tracked runs, and whoever wrote a file of
    them could name any password there is.
    """

    def __init__(
        self,
        conf_source: str,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(conf_source, env, _unfold(runtime_params or {}), **settings)
        OmegaConf.register_new_resolver("params", self._parameter, replace=True)
        self._parameters_of_catalog: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        """Read a section from its files; the parameters once for a catalog, which names many."""
        if key == "catalog":
            self._parameters_of_catalog = None
        try:
            section = super().__getitem__(key)
        except InterpolationResolutionError as error:
            reason = str(error).partition("\n")[0].partition("interpolation: ")[2] or str(error)
            raise ParameterError(f"{error.full_key}: {reason}") from error
        except ConfigTypeError as error:
            raise ParameterError(
                "a parameter is a list in one place (a file of conf/) and has names below it in "
                "another (--params, or a file of another environment), as testing.sets may; write "
                "it the same way in both"
            ) from error
        if key == "catalog":
            _refuse_old_types(section)
        return expand_home(section) if key == "parameters" else section

    @staticmethod
    def _initialise_filesystem_and_protocol(conf_source: str) -> tuple[Any, str]:
        fs, protocol = OmegaConfigLoader._initialise_filesystem_and_protocol(conf_source)
        return (_FilesBelow(conf_source) if protocol == "file" else fs), protocol

    def _parameter(self, name: str) -> Any:
        if self._parameters_of_catalog is None:
            self._parameters_of_catalog = self["parameters"]
        value: Any = self._parameters_of_catalog
        for key in name.split("."):
            if not isinstance(value, dict) or key not in value:
                raise KeyError(
                    f"the catalog refers to ${{params:{name}}}, which the parameters do not have"
                )
            value = value[key]
        return value


def expand_home(value: Any) -> Any:
    """Return parameters with ``~`` where a text begins with it as the home folder.

    Neither shells, behind ``=``, nor YAML do so. A store may be named behind ``sqlite:///``.
    """
    if isinstance(value, dict):
        return {name: expand_home(held) for name, held in value.items()}
    if isinstance(value, list):
        return [expand_home(held) for held in value]
    if not isinstance(value, str) or not (found := _HOME.fullmatch(value)):
        return value
    return (found[1] or "") + os.path.expanduser(found[2]) + (found[3] or "")  # noqa: PTH111


def _unfold(values: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of a run with dotted names nested, as the command line takes them."""
    nested = OmegaConf.create()
    for name, value in values.items():
        OmegaConf.update(nested, name, value, merge=True)
    return dict(OmegaConf.to_container(nested))


class _FilesBelow(LocalFileSystem):  # type: ignore[misc]
    """Takes the path of a folder as it is; Kedro globs with brackets that it may hold."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self._root = Path(root)

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return what matches below the folder."""
        pattern = str(Path(path).relative_to(self._root))
        found = glob.glob(pattern, root_dir=self._root, recursive=True)  # noqa: PTH207
        return [(self._root / name).as_posix() for name in found]


def _refuse_old_types(catalog: dict[str, Any]) -> None:
    """Name the new type of an entry that a user's catalog has from an earlier release."""
    for name, entry in catalog.items():
        given = str(entry.get("type", "")) if isinstance(entry, dict) else ""
        if given.startswith(_TYPES) and (new := RENAMED_TYPES.get(given.removeprefix(_TYPES))):
            raise ValueError(
                f"the catalog entry {name!r} has a type of an earlier release, {given}: "
                f"write {_TYPES}{new}"
            )


def read_parameters(conf: Path, env: str = "base") -> dict[str, Any]:
    """Return the parameters in a folder ``conf``, without a run: for notebooks and scripts."""
    loader = ProjectConfigLoader(str(conf), env=env, **CONFIG_LOADER_ARGS)
    values: dict[str, Any] = loader["parameters"]
    return values
