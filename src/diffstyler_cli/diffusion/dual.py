"""Dual diffusion as wrappers that take model functions and return one: classifier-free guidance, and the lambda mix."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..errors import NumericalError
from .costs import NO_SHARE, NO_SHARE_OF_MAP
from .schedule import per_sample
from .solvers import ModelFn


def checked(model: ModelFn, name: str) -> ModelFn:
    """`model` with its v in the dtype of x; raises `NumericalError` naming `name` where v is NaN or infinite."""

    def fn(x: Tensor, t: Tensor) -> Tensor:
        v = model(x, t).to(x.dtype)
        if not torch.isfinite(v).all():
            raise NumericalError(
                f"The {name} returned NaN or infinity at t = {t.max().item():.4f}.",
                "Try --dtype fp32, or a lower --guidance-scale or --prompt-weight.",
            )
        return v

    return fn


def clamped(model: ModelFn, low: float, high: float) -> ModelFn:
    """`model` whose input time is kept inside [low, high], the range that it was trained on."""
    return lambda x, t: model(x, t.clamp(low, high))


Weights = Sequence[float] | Sequence[Tensor]
"""Of conditions: numbers, or maps (1x1xHxW) where they differ from place to place."""


def cfg(null_fn: ModelFn, cond_fns: Sequence[ModelFn], weights: Weights) -> ModelFn:
    """v = v(∅) + Σ_k w_k (v(c_k) - v(∅)), one network call each (Ho & Salimans 2022, several conditions).

    What has no share is not called: a condition of weight 0, and v(∅) where the weights sum to 1; of maps, everywhere.
    """
    shares = _shares(weights)
    used = [(fn, share) for fn, share in zip([null_fn, *cond_fns], shares, strict=True) if share is not None]
    return lambda x, t: _combine([fn(x, t) for fn, _ in used], [share for _, share in used])


def batched_cfg(
    network: Callable[[Tensor, Tensor, Tensor], Tensor],
    embeddings: Tensor,
    weights: Weights,
    null: Tensor | None = None,
) -> ModelFn:
    """`cfg` in one network call, on the batch [∅, c_1 … c_K] of those that have a share.

    `network` is (x: BxCxHxW, t: (B,), cond: Bx…) -> v; `embeddings` is Kx…: embeddings, sequences of them, labels.
    `null` is the null condition, of the shape of one of them; zeros if it is not given.
    """
    shares = _shares(weights)
    nothing = embeddings.new_zeros(embeddings.shape[1:]) if null is None else null
    conditions = torch.cat([nothing[None], embeddings])
    if len(embeddings) != len(weights):
        raise ValueError(f"{len(embeddings)} embeddings and {len(weights)} weights")
    kept = [(k, share) for k, share in enumerate(shares) if share is not None]
    conditions = conditions[[k for k, _ in kept]]

    def fn(x: Tensor, t: Tensor) -> Tensor:
        n, batch = len(kept), x.shape[0]
        repeated = x.repeat(n, *[1] * (x.ndim - 1))
        v = network(repeated, t.expand(batch).repeat(n), conditions.repeat_interleave(batch, 0))
        return _combine(list(v.chunk(n)), [share for _, share in kept])

    return fn


def mix(photo: ModelFn, art: ModelFn, lam: float | Tensor) -> ModelFn:
    """v = lam v_photo + (1 - lam) v_art, lam in [0, 1]; at lam 1 or 0 only the one network is called.

    A tensor (B,) gives each sample of a batch its own lam; the photo network sees only those with lam > 0. A map
    (1x1xHxW) gives each place of all samples its own.
    """
    if isinstance(lam, Tensor) and lam.ndim > 1:
        if (lam == lam.flatten()[0]).all():
            return mix(photo, art, lam.flatten()[0].item())
        return lambda x, t: lam * photo(x, t) + (1 - lam) * art(x, t)
    if isinstance(lam, Tensor):
        photo = _on_samples(photo, lam > 0)
        return lambda x, t: per_sample(lam, x) * photo(x, t) + per_sample(1 - lam, x) * art(x, t)
    if lam == 1:
        return photo
    if lam == 0:
        return art
    return lambda x, t: lam * photo(x, t) + (1 - lam) * art(x, t)


def _on_samples(model: ModelFn, chosen: Tensor) -> ModelFn:
    """`model` on the samples that `chosen` (B,) marks, and 0 for the others; not called if there is none."""
    if chosen.all():
        return model

    def fn(x: Tensor, t: Tensor) -> Tensor:
        v = torch.zeros_like(x)
        if chosen.any():
            v[chosen] = model(x[chosen], t.expand(x.shape[0])[chosen])
        return v

    return fn


def _shares(weights: Weights) -> list[float | Tensor | None]:
    """Coefficients of [v(∅), v(c_1) …], which sum to 1; None for negligible ones."""
    maps = [weight for weight in weights if isinstance(weight, Tensor)]
    if maps:
        shares = [1 - torch.stack(maps).sum(0), *maps]
        return [share if share.abs().max() > NO_SHARE_OF_MAP else None for share in shares]
    numbers = [weight for weight in weights if not isinstance(weight, Tensor)]
    return [share if abs(share) >= NO_SHARE else None for share in (1 - math.fsum(numbers), *numbers)]


def _combine(velocities: Sequence[Tensor], shares: Sequence[float | Tensor]) -> Tensor:
    return torch.stack([share * v for v, share in zip(velocities, shares, strict=True)]).sum(0)
