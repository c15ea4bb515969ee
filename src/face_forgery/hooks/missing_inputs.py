"""What a run reads and is not there: named before any node runs, with what to run first."""

from typing import Any

from kedro.framework.project import pipelines
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline

from face_forgery.data.images.remote import is_url
from face_forgery.data.labels.manifest import show_examples


class MissingInputError(ValueError):
    """A part was asked for before the parts that make its inputs."""


def check_inputs(names: list[str], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
    """Refuse a run of the pipelines ``names`` whose inputs are not there.

    What only the user can give is loaded: its dataset has an error that says what is missing.

    Raises:
        MissingInputError: Naming the inputs, and the pipelines that make them, in their order.
    """
    missing = [name for name in sorted(pipeline.inputs()) if _is_missing(name, catalog)]
    if not missing:
        return
    makers = {name: _maker_of(name, catalog) for name in missing}
    if made := [name for name in missing if makers[name] is not None]:
        raise MissingInputError(_describe(names, made, catalog))
    for name in (name for name in missing if name in catalog):
        catalog.load(name)


def _is_missing(name: str, catalog: CatalogProtocol[Any, Any]) -> bool:
    if name.startswith(("params:", "parameters")):
        return False
    dataset: Any = catalog.get(name) if name in catalog else None
    if getattr(dataset, "_optional", False) or is_url(_file_of(dataset)):
        return False
    return dataset is None or not dataset.exists()


def _file_of(dataset: Any) -> str:
    return str(getattr(dataset, "_filepath", None) or "")


def _maker_of(name: str, catalog: CatalogProtocol[Any, Any]) -> str | None:
    """Return the first pipeline that writes the entry, else one that writes its file."""
    by_output: dict[str, str] = {
        output: key
        for key, found in reversed([*pipelines.items()])
        for output in found.all_outputs()
        if key != "__default__"
    }
    if name in by_output or name not in catalog or not (file := _file_of(catalog.get(name))):
        return by_output.get(name)
    for output, key in by_output.items():
        if output in catalog and _file_of(catalog.get(output)) == file:
            return key
    return None


def _describe(names: list[str], missing: list[str], catalog: CatalogProtocol[Any, Any]) -> str:
    first = _list_what_to_run(missing, catalog)
    in_memory = [
        name
        for name in missing
        if name not in catalog or isinstance(catalog.get(name), MemoryDataset)
    ]
    shown = show_examples(missing)
    line = f"{','.join(names)}: {len(missing)} of its inputs are not there yet ({shown})"
    if in_memory:
        makers = {
            n.name for p in pipelines.values() for n in p.nodes if {*in_memory} & {*n.outputs}
        }
        return f"{line}; they are made in memory by {', '.join(sorted(makers))}: run that, too"
    return f"{line}; run first what makes them: kedro run --pipelines {','.join(first)}"


def _list_what_to_run(missing: list[str], catalog: CatalogProtocol[Any, Any]) -> list[str]:
    """Return the pipelines that make the inputs, and theirs, in the order of the registry."""
    needed: set[str] = set()
    while missing:
        makers = {_maker_of(name, catalog) for name in missing} - needed - {None}
        needed |= {maker for maker in makers if maker}
        inputs = {name for maker in makers if maker for name in pipelines[maker].inputs()}
        missing = [name for name in sorted(inputs) if _is_missing(name, catalog)]
    return [name for name in pipelines if name in needed]
