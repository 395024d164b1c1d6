"""Toy networks with known answers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffstyler_cli.diffusion.schedule import alpha_sigma, per_sample


class Counted:
    """A model function that counts its calls."""

    def __init__(self, fn: Callable[..., Tensor]) -> None:
        self.fn = fn
        self.calls = 0

    def __call__(self, *args: Tensor) -> Tensor:
        self.calls += 1
        return self.fn(*args)


class Gaussian:
    """The optimal v for data distributed as N(mean, std²), and the exact flow of its probability-flow ODE."""

    mean, std = 0.3, 0.5

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = alpha_sigma(per_sample(t, x))
        centred = (x - alpha * self.mean) / (alpha**2 * self.std**2 + sigma**2)
        return alpha * sigma * centred - sigma * (self.mean + alpha * self.std**2 * centred)

    def flow(self, x: Tensor, a: float, b: float) -> Tensor:
        (alpha_a, sigma_a), (alpha_b, sigma_b) = alpha_sigma(a), alpha_sigma(b)
        variance_a, variance_b = ((p * self.std) ** 2 + q**2 for p, q in ((alpha_a, sigma_a), (alpha_b, sigma_b)))
        return alpha_b * self.mean + math.sqrt(variance_b / variance_a) * (x - alpha_a * self.mean)


@pytest.fixture
def gaussian() -> Gaussian:
    return Gaussian()


@pytest.fixture
def counted() -> type[Counted]:
    return Counted


@pytest.fixture
def toy() -> Callable[[Tensor, Tensor], Tensor]:
    """The reference's toy network."""
    return lambda x, t: torch.tanh(1.5 * x.roll(1, -1) * (per_sample(t, x) + 0.3)) - 0.4 * x


@pytest.fixture
def other_toy() -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, t: torch.sin(0.8 * x.roll(1, -2) + per_sample(t, x)) + 0.2 * x * x.roll(1, 1)
