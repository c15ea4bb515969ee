"""The videos that a user wants judged: a folder, a list, a pattern or one file to a table."""

import glob
from pathlib import Path

import pandas as pd

from face_forgery.data.pictures import PicturesError, list_pictures
from face_forgery.video.frames import SUFFIXES

_PARAMETER = "video.videos"


def list_videos(location: Path) -> pd.DataFrame:
    """List videos without opening one.

    Args:
        location: As ``list_pictures``. Of a folder, and of a pattern, only files that are called
            as videos are (``SUFFIXES``); one file, or the files of a table, whatever they are
            called.

    Returns:
        ``data.pictures.PICTURE_COLUMNS``.

    Raises:
        PicturesError: If nothing is there, or nothing that is called as a video is.
    """
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
