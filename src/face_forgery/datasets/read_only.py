"""Inputs that the catalog reads and nothing writes."""

from typing import NoReturn, TypeVar

from kedro.io import AbstractDataset, DatasetError

Value = TypeVar("Value")


class ReadOnlyDataset(AbstractDataset[NoReturn, Value]):
    """A dataset that refuses to save."""

    def save(self, data: NoReturn) -> None:
        """Refuse.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self!s}: it is only read")

    def _exists(self) -> bool:
        return True
