"""What a run is told about files that are not as they have to be."""

from kedro.io import DatasetError


class FileError(DatasetError):
    """A file is missing, spoilt or in the way; the message says what to do, without a traceback."""
