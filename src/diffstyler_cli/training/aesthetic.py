"""Fitting of the aesthetic head: logistic regression that ranks pictures above degraded copies of themselves."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from .data import TrainingSet


def _noise(im: Image.Image, rng: random.Random) -> Image.Image:
    sigma = rng.uniform(20, 60)
    x = np.asarray(im, np.float32) + np.random.default_rng(rng.randrange(2**31)).normal(0, sigma, (*im.size[::-1], 3))
    return Image.fromarray(np.clip(x, 0, 255).astype(np.uint8))


def _jpeg_blocks(im: Image.Image, rng: random.Random) -> Image.Image:
    buffer = io.BytesIO()
    im.save(buffer, "JPEG", quality=rng.randrange(2, 9))
    return Image.open(buffer).convert("RGB")


def _overexposed(im: Image.Image, rng: random.Random) -> Image.Image:
    x = (np.asarray(im, np.float32) - 128) * rng.uniform(3, 6) + 128
    return Image.fromarray(np.clip(x, 0, 255).astype(np.uint8))


def _greyed(im: Image.Image, rng: random.Random) -> Image.Image:
    return Image.blend(im, Image.new("RGB", im.size, (128, 128, 128)), rng.uniform(0.6, 0.85))


DEGRADATIONS: tuple[Callable[[Image.Image, random.Random], Image.Image], ...] = (
    _noise, _jpeg_blocks, _overexposed, _greyed, lambda im, rng: im.filter(ImageFilter.GaussianBlur(rng.uniform(3, 7))),
)  # fmt: skip


def fit(samples: TrainingSet, embed: Callable[[Tensor], Tensor], seed: int, count: int = 1200) -> dict[str, Tensor]:
    """Logistic regression on embeddings of `count` pictures and one degraded copy of each; a fifth is held out.

    embed: B×H×W×3 uint8 to B×D unit rows. Returns weight 1×D and bias (1,), scaled so that the rating of the training
    pictures as they are has mean 6 and that of the degraded ones mean 4.
    """
    rng = random.Random(seed)
    candidates = np.flatnonzero(np.isin(samples.origin, ["art", "photo"]))
    picks = np.random.default_rng(seed).choice(candidates, min(count, len(candidates)), replace=False)
    intact = samples.images[picks]
    degraded = np.stack([np.asarray(rng.choice(DEGRADATIONS)(Image.fromarray(im), rng)) for im in intact])
    x = torch.cat([embed(torch.from_numpy(a)) for a in (intact, degraded)]).double()
    y = torch.cat([torch.ones(len(intact)), torch.zeros(len(degraded))]).double()
    train = torch.arange(len(picks)).repeat(2) % 5 != 0
    w = torch.zeros(x.shape[1] + 1, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([w], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logit = x[train] @ w[1:] + w[0]
        value = torch.nn.functional.binary_cross_entropy_with_logits(logit, y[train]) + 1e-3 * w[1:].square().sum()
        torch.autograd.backward(value)
        return value

    optimiser.step(loss)
    with torch.no_grad():
        rating = x @ w[1:] + w[0]
        right = ((rating > 0) == (y > 0.5))[~train].double().mean().item()
        print(f"aesthetic head: {right:.1%} of held-out pictures on the right side", flush=True)
        high, low = rating[y > 0.5].mean(), rating[y < 0.5].mean()
        scale = 2 / (high - low)
        weight = w[1:] * scale / x.shape[1] ** 0.5  # LinearAesthetic multiplies embeddings by √D
        bias = 4 + scale * (w[:1] - low)
        return {"linear.weight": weight[None].float().clone(), "linear.bias": bias.float().clone()}
