"""The videos that a user wants judged, as an input of the catalog."""

import pandas as pd

from face_forgery.data.images.listing import list_videos
from face_forgery.datasets.pictures import PicturesDataset


class VideosDataset(PicturesDataset):
    """The table of a user's videos; see ``face_forgery.data.images.listing.list_videos``.

    Example catalog entry::

        videos:
          type: face_forgery.datasets.videos.VideosDataset
          filepath: ${params:video.videos}
    """

    def load(self) -> pd.DataFrame:
        """List the videos; none is opened."""
        return list_videos(self._filepath)
