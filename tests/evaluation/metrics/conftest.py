"""Scored images for the metric tests."""

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)  # a busy machine is no failure
settings.load_profile("no_deadline")


@pytest.fixture
def make_scores():
    """Build ``scores, targets, groups``: forgeries score higher by ``shift``, groups overlap."""

    def make(num_images=200, *, shift=0.2, seed=0, levels=None, images_per_group=3):
        rng = np.random.default_rng(seed)
        targets = rng.permutation(np.arange(num_images) % 2)
        scores = np.clip(rng.normal(0.4 + shift * targets, 0.15), 0, 1)
        if levels is not None:
            scores = np.round(scores * levels) / levels
        groups = np.array(
            [f"g{n}" for n in rng.integers(0, num_images // images_per_group, num_images)]
        )
        return scores, targets, groups

    return make
