"""Tiles: every place is covered, weights sum to 1, and what comes out is what one network would say, to its margins."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from diffstyler_cli.diffusion.costs import spans
from diffstyler_cli.diffusion.tiles import tiled, windows


@given(st.integers(1, 400), st.integers(1, 100), st.sampled_from([1, 8, 16, 64]))
def test_tiles_cover_a_side_and_their_weights_sum_to_one(units: int, tile: int, multiple: int) -> None:
    length, tile = units * multiple, max(tile, 2) * multiple
    parts = spans(length, tile, multiple)
    assert parts[0][0] == 0
    assert parts[-1][1] == length
    assert all(later[0] <= before[1] for before, later in itertools.pairwise(parts))
    assert all(stop - start <= max(tile, multiple) and start % multiple == 0 for start, stop in parts)
    assert len({stop - start for start, stop in parts}) == 1
    weights = windows(parts, length)
    torch.testing.assert_close(weights.sum(0), torch.ones(length))
    assert float(weights.min()) >= 0


def test_what_is_computed_place_by_place_does_not_depend_on_tiles() -> None:
    x = torch.randn(2, 3, 80, 112, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.3, 0.6])

    def network(x: Tensor, t: Tensor) -> Tensor:
        return x.sin() * t[:, None, None, None]

    torch.testing.assert_close(tiled(network, 48, 16)(x, t), network(x, t))
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    for leaf, fn in ((one, tiled(network, 48, 16)), (other, network)):
        fn(leaf, t).square().sum().backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_tiles_see_at_most_their_size_and_small_pictures_are_seen_whole() -> None:
    seen: list[Any] = []

    def network(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return x

    tiled(network, 64, 16)(torch.zeros(2, 3, 64, 64))
    tiled(network, 64, 16)(torch.zeros(1, 3, 16, 256))  # no more pixels than a tile has
    assert seen == [(2, 3, 64, 64), (1, 3, 16, 256)]
    seen.clear()
    tiled(network, 64, 16)(torch.zeros(2, 3, 160, 96))
    assert len(seen) > 2
    assert all(batch == 2 and height <= 64 and width <= 64 for batch, _, height, width in seen)


@pytest.mark.parametrize("tile", [128, 256])
def test_neighbours_that_disagree_are_blended_without_a_step(tile: int) -> None:
    calls = iter(range(1000))
    row = tiled(lambda x: torch.full_like(x, float(next(calls) % 2)), tile, 16)(torch.zeros(1, 1, tile + 16, 1024))[
        0, 0, 8
    ]
    assert float(row.max()) == 1
    assert float(row.diff().abs().max()) < 1.6 / (tile // 8)
