"""Shares of classes and sources in an epoch."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face_forgery.data.loading.sampling import draw_balanced, share_out

SIZES = st.lists(st.integers(1, 10_000), min_size=1, max_size=8)


@given(SIZES, st.integers(0, 50_000), st.floats(0.0, 1.0))
def test_shares_add_up_and_are_within_one_of_the_exact_ones(sizes, num_images, balance):
    shares = share_out(num_images, sizes, balance)
    weights = [size ** (1.0 - balance) for size in sizes]
    assert sum(shares) == num_images
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - num_images * weight / sum(weights)) < 1.0 + 1e-6


@given(SIZES)
def test_without_balance_every_source_keeps_its_size(sizes):
    assert share_out(sum(sizes), sizes, 0.0) == sizes


@given(st.integers(1, 1000), st.integers(1, 8))
def test_with_full_balance_sources_differ_by_one_at_most(num_images, num_sources):
    shares = share_out(num_images, [3**n for n in range(num_sources)], 1.0)
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize("by_class", [False, True])
def test_an_epoch_keeps_its_length_and_a_source_of_one_class_gets_its_share(by_class):
    keys = [(1, index) for index in range(100)]
    targets = [0] * 70 + [1] * 30
    swap, photo, gan = range(3)
    sources = [swap] * 60 + [photo] * 10 + [gan] * 30  # one source has real pictures alone
    drawn = draw_balanced(
        keys,
        targets,
        sources,
        by_class=by_class,
        source_balance=1.0,
        generator=torch.Generator().manual_seed(0),
    )
    counts = Counter(sources[key[1]] for key in drawn)
    if by_class:
        assert counts == {swap: 25, photo: 25, gan: 50}
    else:
        assert counts == {swap: 35, photo: 35, gan: 30}
    assert sorted({key[2] for key in drawn if len(key) > 2}) == ([1, 2] if by_class else [1, 2, 3])
