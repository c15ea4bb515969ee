"""Glue: one folder a question, nodes without Kedro, pipelines without logic."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from kedro.pipeline import Node


def step(
    function: Callable[..., Any], inputs: str | list[str] | dict[str, str], outputs: str | list[str]
) -> Node:
    """Return the node of a function, which has its name.

    ``inputs`` are those of Kedro; of a list each goes to the parameter in its position, also where
    the function takes keywords only.
    """
    if isinstance(inputs, list):
        inputs = dict(zip(signature(function).parameters, inputs, strict=True))
    return Node(function, inputs=inputs, outputs=outputs, name=function.__name__)
