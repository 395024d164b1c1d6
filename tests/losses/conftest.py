"""Small stand-ins for the encoder and the feature network, differentiable and batch-independent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor


class Features:
    """Two random convolutional layers, in float64; counts its calls."""

    layers = ("shallow", "deep")

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.first = torch.randn(6, 3, 3, 3, generator=generator, dtype=torch.float64) / 5
        self.second = torch.randn(8, 6, 3, 3, generator=generator, dtype=torch.float64) / 7
        self.calls = 0

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        shallow = torch.tanh(F.conv2d(x, self.first, padding=1))
        return {"shallow": shallow, "deep": torch.tanh(F.conv2d(shallow, self.second, stride=2))}


class Encoder:
    """Unit embeddings, 5-d, of 8x8 pictures; counts its calls and the pictures of the last one."""

    def __init__(self) -> None:
        self.weight = torch.randn(192, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 14
        self.calls = 0
        self.pictures = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.pictures = len(x)
        return F.normalize(torch.tanh(x.flatten(1) @ self.weight), dim=-1)


@pytest.fixture
def features() -> Features:
    return Features()


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def photo(stream: Callable[..., Tensor]) -> Tensor:
    return stream("losses/photo", 1, 3, 12, 16).double()


@pytest.fixture
def pred(stream: Callable[..., Tensor]) -> Tensor:
    return stream("losses/pred", 2, 3, 12, 16).double()
