"""Glue: one folder a question, nodes without Kedro, pipelines without logic."""

import inspect
from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from face_forgery.params.base import Params


def make_node(function: Callable[..., Any], outputs: str | list[str]) -> Node:
    """Return the node of a function, which has its name.

    Each argument is the dataset of its name or, where its type is one, a section of the parameters.
    """
    inputs = {
        name: f"params:{name}" if _is_section(argument.annotation) else name
        for name, argument in inspect.signature(function).parameters.items()
    }
    return Node(function, inputs=inputs, outputs=outputs, name=function.__name__)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Params)
