"""What tests of several parts need: the reference numbers, and the streams that their inputs come from."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import Tensor

# The first call of an operation takes torch long: no deadline a single example.
settings.register_profile("suite", deadline=None, max_examples=50)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """Outputs of the original implementations: "solvers" and "losses"."""
    return json.loads((Path(__file__).parent / "data" / "golden.json").read_text())


@pytest.fixture(scope="session")
def stream() -> Callable[..., Tensor]:
    """stream(name, *shape): the reference's tanh of a normal draw, float32, the same on every platform."""

    def draw(name: str, *shape: int) -> Tensor:
        values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
        return torch.tanh(torch.from_numpy(values))

    return draw
