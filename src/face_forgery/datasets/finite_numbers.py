"""What has to hold of a value before it becomes JSON."""

import math
from collections.abc import Iterator
from typing import Any

_EXAMPLES_SHOWN = 3


class FiniteNumbers:
    """Catalog validator: JSON has neither NaN nor infinity.

    Example catalog entry::

        metrics:
          type: ...
          validator: {class: face_forgery.datasets.finite_numbers.FiniteNumbers, on: [save]}
    """

    def validate(self, data: Any) -> Any:
        """Return the value.

        Raises:
            ValueError: If a number in it is NaN or infinite; the message names up to three.
        """
        if bad := list(_non_finite_names(data, "")):
            raise ValueError(
                f"{len(bad)} number(s) are NaN or infinite: {', '.join(bad[:_EXAMPLES_SHOWN])}; a "
                "value that cannot be computed is null"
            )
        return data


def _non_finite_names(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _non_finite_names(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _non_finite_names(item, f"{name}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{name or 'the value'}={value}"
