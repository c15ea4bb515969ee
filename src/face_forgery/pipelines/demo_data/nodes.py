"""Nodes of the demo_data pipeline."""

from collections.abc import Iterator
from typing import Any

import face_forgery as ff
from face_forgery.params import DemoDataParams
from face_forgery.progress import track


def draw_demo_set(demo_data: DemoDataParams) -> Iterator[Any]:
    """Draw faces and forgeries, yielding a batch of ``MadeImage`` at a time.

    A generator node: the catalog writes each batch as it comes; memory stays flat.
    """
    given = demo_data
    numbers = {"train": given.train_images, "val": given.val_images, "test": given.test_images}
    batches = ff.draw_set(
        numbers, size=given.image_size, seed=given.seed, num_workers=given.num_workers
    )
    yield from track(batches, description="Drawing faces", total=sum(numbers.values()), count=len)
