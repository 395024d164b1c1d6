"""Training of the two lite diffusion networks: v-prediction on crops, Muon, an average of the weights.

A styled picture that was made from a photograph is mostly paired with the noise that free diffusion carries that
photograph to, where ordinary training draws noise that is independent of the picture. So the networks learn what
sampling asks of them: to turn the learnable noise of a photograph into that photograph, in the style of the prompt.
It is a coupling of noise and data as in rectified flow (Liu et al. 2022), whose straighter paths need fewer steps. The
fresh noise in it is the one that the picture's own strokes and grain were computed from (`data.seeded_noise`), so that
the networks can predict those too.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..device import bf16_where_native
from ..diffusion.free import free_diffusion, fresh_noise
from ..diffusion.schedule import alpha_sigma, t_grid
from ..models.base import Role
from ..models.lite.styles import STYLES
from ..models.lite.unet import LiteUNet
from .captions import MOODS, Attributes, caption, grade
from .data import TrainingSet, seeded_noise
from .muon import Muon
from .pictures.grid import PERIOD

ORIGIN_WEIGHT: dict[Role, dict[str, float]] = {
    "photo": {"art": 0.1, "painted": 1.0, "photo": 1.0},
    "art": {"art": 1.0, "painted": 0.5, "photo": 0.0},
}
"""Relative frequency at which pictures of each origin are drawn, by the network's role."""
STYLE_WEIGHT = {"low-poly": 3.0, "pixel-art": 2.0}
"""Relative frequency of styles, 1 unless named: those of sharp shapes took longest to learn, by the look of results."""
CAPTIONS_PER_MEANING = 10
"""Different captions that are embedded for each pair of style and mood."""
UNCONDITIONAL_SHARE = 0.15
"""Of a batch, for classifier-free guidance. All of them are photographs, so that no prompt means "photo"."""
GRADED_SHARE = 0.2
"""Of the conditional pictures, which are graded to a mood that their caption names."""
PICTURE_CONDITION_SHARE = 0.12
"""Of the other conditional pictures, which are conditioned on their own embedding instead of a caption's."""
COUPLED_SHARE = 0.9
"""Of the pictures made from photographs, which are paired with those photographs' noise."""
FRESH_NOISE = (0.25, 0.95)
"""Range of the share of fresh noise (rho) in coupled noise."""
INVERSION_STEPS = (8, 12, 16)
"""Steps of free diffusion to the stored noise, one of these for each photograph: at use there may be any number."""
EMA_DECAY = 0.999
SAVE_SECONDS = 240

_Tensors = tuple[Tensor, ...] | list[Tensor]


class Conditions:
    """Embeddings of captions, by style and mood, and of the training pictures, all computed once."""

    def __init__(self, encode_text: Callable[[list[str]], Tensor], pictures: Tensor, seed: int) -> None:
        rng = random.Random(seed)
        self.pictures = pictures
        self.text: dict[tuple[str, str | None], Tensor] = {}
        for style in ["photo", *(s.key for s in STYLES)]:
            for mood in [None, *MOODS]:
                texts = [caption(Attributes(style, mood), rng)[0] for _ in range(CAPTIONS_PER_MEANING)]
                self.text[style, mood] = encode_text(texts)

    def draw(self, style: str, mood: str | None, rng: random.Random) -> Tensor:
        """The embedding of a random caption."""
        return self.text[style, mood][rng.randrange(CAPTIONS_PER_MEANING)]


@torch.no_grad()
def learnable_noise(
    net: LiteUNet, samples: TrainingSet, seed: int, report: Callable[[int, int], None], *, device: str, batch: int = 8
) -> Tensor:
    """The noise that free diffusion carries each photograph of `samples` to, by its `source`.

    Returns S×3×H×W float16 on the CPU; rows of sources that are missing stay zero.
    """
    net = net.to(device).to(memory_format=torch.channels_last).eval()

    def unconditional(x: Tensor, t: Tensor) -> Tensor:
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
        for move in free_diffusion(unconditional, x, t_grid(steps), steps, "dpmpp_2m"):
            x = move.x
        out[torch.from_numpy(samples.source[picks])] = x.half().cpu()
        report(first + len(picks), len(photos))
    return out


class Batches:
    """Random batches of crops, the noise that goes with each, and their conditions.

    Args:
        conditions: None for the art network.
        noise: what `learnable_noise` made of `samples`; None to draw all noise at random.
        seed: of the order and the crops; another one for each run that resumes.
    """

    def __init__(
        self, role: Role, samples: TrainingSet, conditions: Conditions | None, noise: Tensor | None, seed: int,
        *, crop: int, batch: int,
    ) -> None:  # fmt: skip
        self.samples, self.conditions, self.noise = samples, conditions, noise
        self.crop, self.batch = crop, batch
        self.images = torch.from_numpy(samples.images)
        self.probability = _probabilities(samples, role)
        self.photos = np.flatnonzero(samples.style == "photo")
        self.rng, self.np_rng = random.Random(seed), np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Crops x0 in [-1, 1] and noise eps, both B×3×S×S, conditions B×D (None for the art network), times (B,)."""
        unconditional = 0 if self.conditions is None else round(UNCONDITIONAL_SHARE * self.batch)
        picks = self.np_rng.choice(len(self.probability), self.batch, p=self.probability)
        fresh = torch.randn(self.batch, 3, self.crop, self.crop, generator=self.generator)
        picks[:unconditional] = self.np_rng.choice(self.photos, unconditional)
        pairs = [self.crop_and_noise(i, eps) for i, eps in zip(picks.tolist(), fresh, strict=True)]
        x, eps = (torch.stack(parts) for parts in zip(*pairs, strict=True))
        cond = self._conditioned(x, picks, unconditional)
        return x * 2 - 1, eps, cond, times(self.batch, self.generator)

    def crop_and_noise(self, index: int, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """A crop of picture `index`, 3×S×S in [0, 1], and the noise for it, 3×S×S; `fresh` where it has none."""
        image, rng, samples = self.images[index], self.rng, self.samples
        # Patterns of the pictures begin at multiples of PERIOD, so crops do too, and are never mirrored.
        top, left = (PERIOD * rng.randrange((side - self.crop) // PERIOD + 1) for side in image.shape[:2])
        rows, columns = slice(top, top + self.crop), slice(left, left + self.crop)
        x = image[rows, columns].permute(2, 0, 1).float() / 255
        source, seed = int(samples.source[index]), int(samples.noise_seed[index])
        if seed >= 0:
            own = seeded_noise(seed, image.shape[0])[rows, columns].astype(np.float32)
            fresh = torch.from_numpy(own).permute(2, 0, 1)
        if self.noise is not None and source >= 0 and rng.random() < COUPLED_SHARE:
            learnable = self.noise[source, :, rows, columns].float()
            return x, fresh_noise(learnable, rng.uniform(*FRESH_NOISE), fresh)
        return x, fresh

    def _conditioned(self, x: Tensor, picks: NDArray[np.int64], unconditional: int) -> Tensor | None:
        """The conditions of a batch; grades some of `x`, in place, to a mood that their captions name."""
        if self.conditions is None:
            return None
        conditions, rng = self.conditions, self.rng
        rows = [torch.zeros_like(conditions.pictures[0])] * unconditional
        for k, i in enumerate(picks[unconditional:], unconditional):
            mood = rng.choice(sorted(MOODS)) if rng.random() < GRADED_SHARE else None
            if mood:
                x[k] = grade(x[k], mood)
            if mood is None and rng.random() < PICTURE_CONDITION_SHARE:
                rows.append(conditions.pictures[i])
            else:
                rows.append(conditions.draw(str(self.samples.style[i]), mood, rng))
        return torch.stack(rows)


def _probabilities(samples: TrainingSet, role: Role) -> NDArray[np.float64]:
    """Of drawing each picture: every style alike, but for `STYLE_WEIGHT`; within a style by `ORIGIN_WEIGHT`."""
    weight = np.array([ORIGIN_WEIGHT[role][origin] for origin in samples.origin])
    for style in np.unique(samples.style):
        members = samples.style == style
        if weight[members].sum() > 0:
            weight[members] *= STYLE_WEIGHT.get(str(style), 1.0) / weight[members].sum()
    share: NDArray[np.float64] = weight / weight.sum()
    return share


def times(batch: int, generator: torch.Generator) -> Tensor:
    """Times of a batch in [0, 1), stratified for less variance of the gradient (Kingma et al. 2021); three quarters of
    them logit-normal (Esser et al. 2024), most at the noise levels where a style takes shape."""
    u = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    u = u[torch.randperm(batch, generator=generator)]
    logit_normal = torch.sigmoid(0.4 + torch.special.ndtri(u.clamp(1e-4, 1 - 1e-4)))
    return torch.where(torch.arange(batch) % 4 == 0, u, logit_normal)


def _optimisers(net: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the inner convolutions, AdamW for the outermost ones and all the rest."""
    kernels: list[Tensor] = []
    rest: list[Tensor] = []
    for name, p in net.named_parameters():
        inner = p.ndim == 4 and not name.startswith(("conv_in", "conv_out"))
        (kernels if inner else rest).append(p)
    return [Muon(kernels, 2e-3), torch.optim.AdamW(rest, 2e-3, betas=(0.9, 0.98), weight_decay=0.01)]


def learning_rate(highest: float, step: int, remaining: float) -> float:
    """Linear warm-up over 50 steps; linear decay to 2 % in the last two thirds. `remaining`: share of the training."""
    return highest * min(1.0, (step + 1) / 50) * min(1.0, 0.02 + 1.5 * remaining)


def _update_average(averaged: _Tensors, current: _Tensors, updates: Tensor | int) -> None:
    """Exponential moving average whose decay rises to `EMA_DECAY`, so that the first weights are soon forgotten."""
    step = int(updates) + 1
    get_ema_multi_avg_fn(min(EMA_DECAY, step / (step + 10)))(averaged, current, updates)


def train(
    role: Role, samples: TrainingSet, conditions: Conditions | None, noise: Tensor | None, state: dict[str, Any],
    minutes: float, seed: int, *, device: str, crop: int, batch: int, rate: float, total_steps: int | None,
    save: Callable[[dict[str, Any]], None], log: Callable[..., None],
) -> None:  # fmt: skip
    """Continues `state` for `minutes` or until `total_steps`; the learning rate falls to near zero over either.

    Args:
        conditions: None for the art network.
        noise: what `learnable_noise` made of `samples`; None to draw all noise at random.
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
    average = AveragedModel(net, multi_avg_fn=_update_average)
    step = 0
    if "net" in state:
        net.load_state_dict(state["net"])
        average.module.load_state_dict(state["average"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        step = state["step"]
        average.n_averaged.fill_(step)

    def snapshot() -> dict[str, Any]:
        return {
            "net": net.state_dict(), "average": average.module.state_dict(), "step": step,
            "steps_before": state.get("steps_before", 0), "optimisers": [o.state_dict() for o in optimisers],
        }  # fmt: skip

    batches = Batches(role, samples, conditions, noise, seed + step, crop=crop, batch=batch)
    start = saved_at = time.monotonic()
    mean_loss, first_step = 0.0, step
    net.train()
    predict = torch.compile(net) if device == "cuda" else net  # on CPUs it gains 7 % and takes a minute to begin
    try:
        while total_steps is None or step < total_steps:
            elapsed = (time.monotonic() - start) / (60 * minutes)
            if elapsed >= 1:
                break
            for group in (group for optimiser in optimisers for group in optimiser.param_groups):
                group["lr"] = learning_rate(rate, step, 1 - (step / total_steps if total_steps else elapsed))

            x0, eps, cond, t = batches.draw()
            x0, eps = (a.to(device, memory_format=torch.channels_last) for a in (x0, eps))
            cond, t = None if cond is None else cond.to(device), t.to(device)
            alpha, sigma = (a.float().view(-1, 1, 1, 1) for a in alpha_sigma(t))
            with bf16_where_native(device):
                v = predict(alpha * x0 + sigma * eps, t, cond)
            loss = (v - (alpha * eps - sigma * x0)).square().mean()

            net.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            for optimiser in optimisers:
                optimiser.step()
            average.update_parameters(net)

            step += 1
            mean_loss += (loss.item() - mean_loss) / min(step - first_step, 50)
            if step % 25 == 0:
                log(step, loss=mean_loss, crops_per_second=(step - first_step) * batch / (time.monotonic() - start))
            if time.monotonic() - saved_at > SAVE_SECONDS:
                saved_at = time.monotonic()
                save(snapshot())
    finally:  # also where Ctrl-C stops it
        save(snapshot())
