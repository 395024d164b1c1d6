"""What tests of several parts need: the reference numbers, and the streams that their inputs come from."""

from __future__ import annotations

import json
import signal
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

# Started in the background by a shell or under nohup, we would hand these down as ignored to what the tests start.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL)


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
