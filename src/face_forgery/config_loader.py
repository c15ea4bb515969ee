"""Configuration: Kedro's loader, with a catalog that may refer to the parameters."""

from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf


class ProjectConfigLoader(OmegaConfigLoader):
    """Adds ``${params:data.root}`` to catalogs: the value that nodes see as ``params:data``.

    Where the data lie is a parameter, because users change it for a run (``--params
    data.root=...``) or for good (``conf/local/parameters.yml``). With a resolver of its own a
    location has one owner, and the catalog cannot disagree with the nodes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        OmegaConf.register_new_resolver("params", self._parameter, replace=True)

    def _parameter(self, name: str) -> Any:
        value: Any = self["parameters"]
        for key in name.split("."):
            if not isinstance(value, dict) or key not in value:
                raise KeyError(
                    f"the catalog refers to ${{params:{name}}}, which the parameters do not have"
                )
            value = value[key]
        return value
