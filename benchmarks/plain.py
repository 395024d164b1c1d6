"""The same algorithm as plainly as it can be written, to compare with: same networks, same steps, same pictures.

Everything is in float32. Nothing is kept that a step could compute again: each condition is a call of the network of
its own, each loss goes forward and back by itself through the networks that it looks with, and what the photo is to
them is computed anew at every step, as the released code of Huang et al. 2022 does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from diffstyler_cli.diffusion.dual import cfg
from diffstyler_cli.losses.content import ContentLoss
from diffstyler_cli.losses.nce import NCELoss
from diffstyler_cli.losses.objective import Shared
from diffstyler_cli.pipeline import sampling


def _cfg_one_by_one(network: Any, embeddings: Tensor, weights: Any, *more: Any) -> Any:
    """`batched_cfg` with a call for each condition."""
    null = torch.zeros_like(embeddings[:1])

    def call(condition: Tensor) -> Any:
        return lambda x, t: network(x, t.expand(x.shape[0]), condition.expand(x.shape[0], -1))

    return cfg(call(null), [call(row) for row in embeddings.split(1)], weights)


def _evaluate(self: Any, network: Any, x: Tensor, *rest: Tensor) -> Tensor:
    """`Networks.evaluate` without a layout of memory, precision or overflow."""
    out: Tensor = network(x.contiguous(), *rest)
    return out


def _remembering(kind: type) -> Any:
    """The loss with its targets computed anew at every call."""
    begin, call = kind.__init__, kind.__call__  # type: ignore[misc]

    def init(self: Any, *arguments: Any, **more: Any) -> None:
        begin(self, *arguments, **more)
        self.made_of = arguments, more

    def again(self: Any, pred: Tensor) -> Tensor:
        arguments, more = self.made_of
        begin(self, *arguments, **more)
        found: Tensor = call(self, pred)
        return found

    return patch.multiple(kind, __init__=init, __call__=again)


def _all_steps(steps: Sequence[int], number: int) -> frozenset[int]:
    return frozenset(range(steps[number]))


@contextmanager
def plain() -> Iterator[None]:
    """While it is entered, runs are plain. The model set must be loaded with dtype="fp32"."""
    with (
        patch.object(sampling, "batched_cfg", _cfg_one_by_one),
        patch.object(sampling, "_measured", _all_steps),
        patch.object(sampling.Networks, "evaluate", _evaluate),
        patch.object(Shared, "__call__", lambda self, pred: self.compute(pred)),
        _remembering(ContentLoss),
        _remembering(NCELoss),
    ):
        yield
