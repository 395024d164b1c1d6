"""Training of the two lite diffusion networks: v-prediction on crops, Muon, an average of the weights.

A styled picture that was made from a photograph is mostly paired with the noise that free diffusion carries that
photograph to, where ordinary training draws noise that has nothing to do with the picture. So the networks learn what
sampling asks of them: to turn the learnable noise of a photograph into that photograph, in the style of the prompt. It
is the coupling of Liu et al. 2022 ("Flow straight and fast"), whose straight paths need few steps as well. The fresh
noise in it is that of the picture's own strokes and grain (`data.noise_of`), so that those are learnt, not averaged.
"""

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

from ..device import bf16_where_native, native_cpu_bf16
from ..diffusion.free import free_diffusion, fresh_noise
from ..diffusion.schedule import alpha_sigma, t_grid
from ..models.base import Role
from ..models.lite.styles import PHASE, STYLES
from ..models.lite.unet import LiteUNet
from .captions import MOODS, Facts, caption, grade
from .data import TrainingSet, noise_of

ORIGIN_WEIGHT: dict[Role, dict[str, float]] = {
    "photo": {"art": 0.1, "painted": 1.0, "photo": 1.0},
    "art": {"art": 1.0, "painted": 0.5, "photo": 0.0},
}
"""How often a picture of each origin is drawn, by the network's role."""
SLOW_STYLES = {"low-poly": 3.0, "pixel-art": 2.0}
"""Styles of sharp shapes take longest to learn, by the look of their pictures: drawn so many times as often."""
CAPTIONS_PER_MEANING = 10
NULL = 0.15
"""Share of a batch without a condition; all of them photographs, for that is what no prompt means."""
COUPLED = 0.9
"""Share of the pictures made from photographs that are paired with those photographs' noise."""
FRESH = (0.25, 0.95)
"""Coupled noise has between so much and so much fresh noise (rho) in it."""
INVERSION_STEPS = (8, 12, 16)
"""Steps of free diffusion to the stored noise, one of these for each photograph: at use there may be any number."""


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
    # bfloat16 is exact enough (Jordan et al. 2024)
    half = g.device.type != "cpu" or native_cpu_bf16()
    x = (g / (g.norm() + 1e-7)).to(torch.bfloat16 if half else g.dtype)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    result: Tensor = (x.T if tall else x).to(g.dtype)
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


@torch.no_grad()
def free_noise(
    net: LiteUNet, samples: TrainingSet, seed: int, report: Callable[[int, int], None], *, device: str, batch: int = 8
) -> Tensor:
    """The learnable noise of each photograph of `samples`, by its `source`: S×3×H×W float16, on the CPU.

    Rows of sources that are missing stay zero.
    """
    net = net.to(device).to(memory_format=torch.channels_last).eval()

    def null(x: Tensor, t: Tensor) -> Tensor:
        with bf16_where_native(device):
            v: Tensor = net(x.contiguous(memory_format=torch.channels_last), t.clamp(net.t_min, net.t_max))
        return v

    photos = np.random.default_rng(seed).permutation(np.flatnonzero(samples.origin == "photo"))
    size = samples.images.shape[1]
    out = torch.zeros(int(samples.source.max()) + 1, 3, size, size, dtype=torch.float16)
    for first in range(0, len(photos), batch):
        picks = photos[first : first + batch]
        x = torch.from_numpy(samples.images[picks]).permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
        steps = INVERSION_STEPS[first // batch % len(INVERSION_STEPS)]
        for move in free_diffusion(null, x, t_grid(steps), steps, "dpmpp_2m"):
            x = move.x
        out[torch.from_numpy(samples.source[picks])] = x.half().cpu()
        report(first + len(picks), len(photos))
    return out


def _weights(samples: TrainingSet, role: Role) -> NDArray[np.float64]:
    """Probability of drawing each picture: every style alike, but for `SLOW_STYLES`."""
    w = np.array([ORIGIN_WEIGHT[role][o] for o in samples.origin])
    for style in np.unique(samples.style):
        of = samples.style == style
        if w[of].sum() > 0:
            w[of] *= SLOW_STYLES.get(str(style), 1.0) / w[of].sum()
    share: NDArray[np.float64] = w / w.sum()
    return share


class _Views:
    """Random square crops of the training pictures, and noise to go with them."""

    def __init__(self, samples: TrainingSet, noise: Tensor | None, crop: int, rng: random.Random) -> None:
        self.images = torch.from_numpy(samples.images)
        self.source, self.chance = samples.source, samples.chance
        self.noise, self.crop, self.rng = noise, crop, rng

    def __call__(self, index: int, eps: Tensor) -> tuple[Tensor, Tensor]:
        """A crop of picture `index`, 3×S×S in [0, 1], and the noise for it: its own, or else made of `eps` (3×S×S)."""
        image, rng = self.images[index], self.rng
        # at whole phases, and never mirrored: patterns always begin at the same places
        top, left = (PHASE * rng.randrange((side - self.crop) // PHASE + 1) for side in image.shape[:2])
        down, right = slice(top, top + self.crop), slice(left, left + self.crop)
        x = image[down, right].permute(2, 0, 1).float() / 255
        source, number = int(self.source[index]), int(self.chance[index])
        if number >= 0:
            own = noise_of(number, image.shape[0])[down, right].astype(np.float32)
            eps = torch.from_numpy(own).permute(2, 0, 1)
        if self.noise is not None and source >= 0 and rng.random() < COUPLED:
            carried = self.noise[source, :, down, right].float()
            eps = fresh_noise(carried, rng.uniform(*FRESH), eps)
        return x, eps


def _times(batch: int, generator: torch.Generator) -> Tensor:
    """Times of a batch in [0, 1), one stratified draw for less noise in the gradient; three quarters of them
    logit-normal (Esser et al. 2024), most at the noise levels where a style takes shape."""
    u = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    u = u[torch.randperm(batch, generator=generator)]
    bell = torch.sigmoid(0.4 + torch.special.ndtri(u.clamp(1e-4, 1 - 1e-4)))
    return torch.where(torch.arange(batch) % 4 == 0, u, bell)


def train(
    role: Role, samples: TrainingSet, conditions: Conditions | None, noise: Tensor | None, state: dict[str, Any],
    minutes: float, seed: int, *, device: str, crop: int, batch: int, rate: float, total_steps: int | None,
    save: Callable[[dict[str, Any]], None], log: Callable[..., None],
) -> None:  # fmt: skip
    """Continues `state` for `minutes` or until `total_steps`; the learning rate falls to near zero over either.

    Args:
        conditions: None for the art network.
        noise: what `free_noise` made of `samples`; None to draw all noise at random.
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
    views, weight = _Views(samples, noise, crop, rng), _weights(samples, role)
    photos = np.flatnonzero(samples.style == "photo")
    start = saved_at = time.monotonic()
    mean_loss, first = 0.0, step
    net.train()
    predict = torch.compile(net) if device == "cuda" else net  # on CPUs it gains 7 % and takes a minute to begin
    try:
        while (gone := (time.monotonic() - start) / (60 * minutes)) < 1 and (total_steps is None or step < total_steps):
            left = 1 - (step / total_steps if total_steps else gone)
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate * min(1.0, (step + 1) / 50) * min(1.0, 0.02 + 1.5 * left)
            picks = np_rng.choice(len(weight), batch, p=weight)
            eps = torch.randn(batch, 3, crop, crop, generator=generator)
            null = 0 if conditions is None else round(NULL * batch)
            picks[:null] = np_rng.choice(photos, null)
            seen = [views(i, e) for i, e in zip(picks.tolist(), eps, strict=True)]
            x, eps = (torch.stack(parts) for parts in zip(*seen, strict=True))
            cond = None
            if conditions is not None:
                rows = [torch.zeros_like(conditions.pictures[0])] * null
                for k, i in enumerate(picks[null:], null):
                    mood = rng.choice(sorted(MOODS)) if rng.random() < 0.2 else None
                    if mood:
                        x[k] = grade(x[k], mood)
                    if mood is None and rng.random() < 0.12:
                        rows.append(conditions.pictures[i])
                    else:
                        rows.append(conditions.draw(str(samples.style[i]), mood, rng))
                cond = torch.stack(rows).to(device)
            x0 = (x * 2 - 1).to(device, memory_format=torch.channels_last)
            t = _times(batch, generator).to(device)
            eps = eps.to(device, memory_format=torch.channels_last)
            alpha, sigma = (a.float().view(-1, 1, 1, 1) for a in alpha_sigma(t))
            with bf16_where_native(device):
                v = predict(alpha * x0 + sigma * eps, t, cond)
            loss = (v - (alpha * eps - sigma * x0)).square().mean()
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            for optimiser in optimisers:
                optimiser.step()
            step += 1
            decay = min(0.999, 1 - 1 / (0.1 * step + 1))
            with torch.no_grad():
                for slow, fast in zip(average.parameters(), net.parameters(), strict=True):
                    slow.lerp_(fast, 1 - decay)
            mean_loss += (loss.item() - mean_loss) / min(step - first, 50)
            if step % 25 == 0:
                log(step, loss=mean_loss, crops_per_second=(step - first) * batch / (time.monotonic() - start))
            if time.monotonic() - saved_at > 240:
                saved_at = time.monotonic()
                save(snapshot())
    finally:  # also where Ctrl-C stops it
        save(snapshot())
