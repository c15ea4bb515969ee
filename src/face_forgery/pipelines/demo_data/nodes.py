"""Nodes of the demo_data pipeline."""

from collections.abc import Iterator
from typing import Any

import face_forgery as ff
from face_forgery.params import DemoDataParams
from face_forgery.progress import track


def draw_demo_set(params: DemoDataParams) -> Iterator[Any]:
    """Draw faces and forgeries, yielding a batch of ``MadeImage`` at a time.

    A generator node: the catalog writes each batch as it comes, so that memory does not grow with
    the number of images.
    """
    num_images = {
        "train": params.train_images,
        "val": params.val_images,
        "test": params.test_images,
    }
    batches = ff.draw_set(
        num_images, size=params.image_size, seed=params.seed, num_workers=params.num_workers
    )
    yield from track(
        batches, description="Drawing faces", total=sum(num_images.values()), count=len
    )
