"""Training of the two lite diffusion networks: v-prediction on crops, Muon, an average of the weights."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..device import native_cpu_bf16
from ..diffusion.schedule import alpha_sigma
from ..models.base import Role
from ..models.lite_unet import LiteUNet
from .captions import MOODS, Facts, caption, crops, grade
from .data import TrainingSet
from .styles import STYLES

ORIGIN_WEIGHT = {"art": 1.0, "filter": 1.2, "transfer": 1.0, "photo": 1.0}
"""How often a styled picture of each origin is drawn."""
FEATURED_WEIGHT = {
    "oil-painting": 1.6, "drawing": 1.6, "watercolor": 1.6, "woodcut": 1.6, "impressionism": 1.6, "van-gogh": 1.6,
}  # fmt: skip
CAPTIONS_PER_MEANING = 10


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by five Newton–Schulz steps (Jordan et al. 2024), scaled to AdamW's step size
    (0.2·√max(rows, columns), Liu et al. 2025); convolution kernels count as matrices out × (in·k·k)."""

    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # takes no closure
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(buffer, group["momentum"]).flatten(1)
                update = _orthogonalise(update) * (0.2 * max(update.shape) ** 0.5)
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update.view_as(p), alpha=-group["lr"])


def _orthogonalise(g: Tensor) -> Tensor:
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    result: Tensor = x.T if tall else x
    return result


def _optimisers(net: nn.Module) -> list[torch.optim.Optimizer]:
    matrices: list[Tensor] = []
    rest: list[Tensor] = []
    for name, p in net.named_parameters():
        inner = p.ndim == 4 and not name.startswith(("conv_in", "conv_out"))
        (matrices if inner else rest).append(p)
    return [Muon(matrices, 2e-3), torch.optim.AdamW(rest, 2e-3, betas=(0.9, 0.98), weight_decay=0.01)]


class Conditions:
    """Embeddings of captions, by style and mood, and of the training pictures, all computed once."""

    def __init__(self, encode_text: Callable[[list[str]], Tensor], pictures: Tensor, seed: int) -> None:
        rng = random.Random(seed)
        self.pictures = pictures
        self.text: dict[tuple[str, str | None], Tensor] = {}
        for style in ["photo", *(s.key for s in STYLES)]:
            for mood in [None, *MOODS]:
                texts = [caption(Facts(style, mood), rng)[0] for _ in range(CAPTIONS_PER_MEANING)]
                self.text[style, mood] = encode_text(texts)

    def draw(self, style: str, mood: str | None, rng: random.Random) -> Tensor:
        return self.text[style, mood][rng.randrange(CAPTIONS_PER_MEANING)]


def _weights(samples: TrainingSet, role: Role) -> NDArray[np.float64]:
    """Probability of drawing each picture: styles evened out by the square root of their sizes."""
    w = np.array([ORIGIN_WEIGHT[o] for o in samples.origin])
    if role == "art":
        w[samples.origin != "art"] = 0.0
    for style in np.unique(samples.style):
        of = samples.style == style
        if w[of].sum() > 0:
            w[of] *= w[of].sum() ** -0.7 * FEATURED_WEIGHT.get(str(style), 1.0)
    share: NDArray[np.float64] = w / w.sum()
    return share


def _times(batch: int, generator: torch.Generator) -> Tensor:
    """Times of a batch in [0, 1), one stratified draw for less noise in the gradient; three quarters of them
    logit-normal (Esser et al. 2024), most at the noise levels where a style takes shape."""
    u = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    u = u[torch.randperm(batch, generator=generator)]
    bell = torch.sigmoid(0.3 + torch.special.ndtri(u.clamp(1e-4, 1 - 1e-4)))
    return torch.where(torch.arange(batch) % 4 == 0, u, bell)


def train(
    role: Role, samples: TrainingSet, conditions: Conditions | None, state: dict[str, Any], minutes: float, seed: int,
    *, device: str, crop: int, batch: int, rate: float, total_steps: int | None,
    save: Callable[[dict[str, Any]], None], log: Callable[..., None],
) -> None:  # fmt: skip
    """Continues `state` for `minutes` or until `total_steps`; the learning rate falls to near zero over either.

    Args:
        conditions: None for the art network.
        state: a state that was saved, {"start": weights} to begin from those, or empty.
        rate: highest learning rate.
        save: called with the state every few minutes and at the end.
        log: called with the step, its loss (mean of the last fifty) and crops a second now and then.
    """
    torch.manual_seed(seed)
    net = LiteUNet(role).to(device).to(memory_format=torch.channels_last)
    if "start" in state:
        net.load_state_dict(state["start"])
    optimisers = _optimisers(net)
    average = copy.deepcopy(net).requires_grad_(False)
    step = 0
    if "net" in state:
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        step = state["step"]

    def snapshot() -> dict[str, Any]:
        return {
            "net": net.state_dict(), "average": average.state_dict(), "step": step,
            "steps_before": state.get("steps_before", 0), "optimisers": [o.state_dict() for o in optimisers],
        }  # fmt: skip

    rng, np_rng = random.Random(seed + step), np.random.default_rng(seed + step)
    generator = torch.Generator().manual_seed(seed + step)
    images, weight = torch.from_numpy(samples.images), _weights(samples, role)
    photos = np.flatnonzero(samples.style == "photo")
    start = saved_at = time.monotonic()
    mean_loss, first = 0.0, step
    net.train()
    bf16 = device != "cpu" or native_cpu_bf16()
    while (gone := (time.monotonic() - start) / (60 * minutes)) < 1 and (total_steps is None or step < total_steps):
        left = 1 - (step / total_steps if total_steps else gone)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / 50) * min(1.0, 0.02 + 1.5 * left)
        picks = np_rng.choice(len(images), batch, p=weight)
        null = np.zeros(batch, bool)
        if conditions is not None:
            null[: round(0.17 * batch)] = True
            lone = round(0.10 * batch)  # the null condition stands for photographs first
            picks[:lone] = np_rng.choice(photos, lone)
        # a third of the crops from half-size pictures: composition next to texture
        whole = batch // 3
        x = torch.cat([
            crops(images[picks[:-whole]], crop, generator, crop, crop),
            crops(images[picks[-whole:]], crop, generator, 2 * crop, 2 * crop),
        ])  # fmt: skip
        cond = None
        if conditions is not None:
            rows = []
            for k, i in enumerate(picks):
                if null[k]:
                    rows.append(torch.zeros_like(conditions.pictures[0]))
                    continue
                mood = rng.choice(sorted(MOODS)) if rng.random() < 0.25 else None
                if mood:
                    x[k] = grade(x[k], mood)
                if mood is None and rng.random() < 0.12:
                    rows.append(conditions.pictures[i])
                else:
                    rows.append(conditions.draw(str(samples.style[i]), mood, rng))
            cond = torch.stack(rows).to(device)
        x0 = (x * 2 - 1).to(device, memory_format=torch.channels_last)
        t = _times(batch, generator).to(device)
        eps = torch.randn(x0.shape, generator=generator).to(device)
        alpha, sigma = (a.float().view(-1, 1, 1, 1) for a in alpha_sigma(t))
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            v = net(alpha * x0 + sigma * eps, t, cond)
        loss = (v - (alpha * eps - sigma * x0)).square().mean()
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        step += 1
        decay = min(0.998, 1 - 1 / (0.1 * step + 1))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), net.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        mean_loss += (loss.item() - mean_loss) / min(step - first, 50)
        if step % 25 == 0:
            log(step, loss=mean_loss, crops_per_second=(step - first) * batch / (time.monotonic() - start))
        if time.monotonic() - saved_at > 240:
            saved_at = time.monotonic()
            save(snapshot())
    save(snapshot())
