"""The videos that a user wants judged: a folder, a list, a pattern or one file to a table."""

import glob
from pathlib import Path

import pandas as pd

from face_forgery.data.images.listing import list_pictures
from face_forgery.data.images.name_lists import PicturesError
from face_forgery.data.videos.frames import SUFFIXES

_PARAMETER = "video.videos"


def list_videos(location: Path | str) -> pd.DataFrame:
    """List videos without opening one.

    Args:
        location: As ``list_pictures``, but for URLs. Of a folder, and of a pattern, only files that
            are called as videos are (``SUFFIXES``); one file, or the files of a table, whatever
            they are called.

    Returns:
        ``data.pictures.PICTURE_COLUMNS``.

    Raises:
        PicturesError: If nothing is there, nothing that is called as a video is, or it is a URL.
    """
    if isinstance(location, str):
        raise PicturesError(
            f"{location}: a URL; videos are read from files ({_PARAMETER}): copy them first"
        )
    files = list_pictures(location, parameter=_PARAMETER)
    if not location.is_dir() and not glob.has_magic(str(location)):
        return files
    endings = files["path"].map(lambda path: Path(path).suffix.lower())
    videos = files[endings.isin(SUFFIXES)].reset_index(drop=True)
    if videos.empty:
        raise PicturesError(
            f"{location}: none of {len(files):,} file(s) is called as a video ({_PARAMETER}; "
            f"{' '.join(SUFFIXES)}). Pictures are judged by: kedro run --pipelines inference "
            f"--params inference.images={location}"
        )
    return videos
