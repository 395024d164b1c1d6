"""Networks that were trained on a table of discrete noise levels, as velocity networks on the continuous schedule."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ..diffusion.schedule import alpha_sigma, per_sample
from .base import Conditioner, VelocityNetwork
from .cards import NetworkCard

Prediction = Literal["epsilon", "sample", "v_prediction"]
PREDICTIONS: tuple[Prediction, ...] = ("epsilon", "sample", "v_prediction")

DiscreteModel = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(x: B×C×H×W = √ᾱ x₀ + √(1 − ᾱ) ε, timestep: (B,), condition or None) -> the prediction, B×C×H×W.

What comes after the first C channels (learnt variances) is left out. A module in another dtype than float32 casts what
it is given itself.
"""

NO_SIGNAL = 2.0**-24
"""At most, in the place of an ᾱ of 0 at a table's end (Lin et al. 2024), whose log-SNR would be -inf."""
AT_POINT = 2e-3
"""So near a point of the table, in timesteps, a float32 time means that point."""


class AdaptedNetwork(VelocityNetwork):
    """v(x, t) of a network that predicts ε, x₀ or v at the timesteps 0 … N-1 of a table of ᾱ.

    Both sides keep α² + σ² = 1, so a state of ours is one of theirs where the log-SNR is the same: x goes in as it is,
    and t becomes the timestep of that log-SNR, between two of the table in proportion. At the table's own points that
    is exact: the integer timestep, with the table's own α and σ.

        v = (ε − σx)/α,  v = (αx − x₀)/σ

    `card.t_min` and `t_max` are the ends of the table. Beyond them the network is asked at the end and only what is
    read of its answer there is kept: ε below, where σ is nearly 0, and x₀ above, where α is. v is that of the α and σ
    of t itself, so that velocities of networks with different tables may be mixed at any t.

    Args:
        network: see `DiscreteModel`; if it is a module, its parameters are this one's.
        card: its facts. Prediction and times are taken from what follows.
        alphas_cumprod: ᾱ by timestep, falling, in (0, 1); the last may be 0.
        prediction: what `network` returns.
        conditioner: what it is told of a text; None for an unconditional one, or one that takes the set's embeddings.
        integer: the network takes whole timesteps only, int64: the nearest one.

    Raises:
        ValueError: a table that is none, an unknown prediction.
    """

    def __init__(
        self,
        network: DiscreteModel,
        card: NetworkCard,
        alphas_cumprod: Tensor,
        prediction: Prediction,
        *,
        conditioner: Conditioner | None = None,
        integer: bool = False,
    ) -> None:
        if prediction not in PREDICTIONS:
            raise ValueError(f"{card.name} predicts one of {', '.join(PREDICTIONS)}, not {prediction!r}")
        table = _Table(alphas_cumprod, card.name)
        says: Literal["v", "epsilon", "sample"] = "v" if prediction == "v_prediction" else prediction
        super().__init__(
            dataclasses.replace(card, prediction=says, t_min=table.times[0], t_max=table.times[-1]), conditioner
        )
        self.network = network
        self.prediction = prediction
        self.integer = integer
        self.table = table

    @property
    def asked_at(self) -> tuple[float, float]:
        """Any time: beyond its table it knows what to do."""
        return 0.0, 1.0

    def also(self) -> dict[str, Tensor]:
        """Its table, and whether it takes whole timesteps only."""
        return {"table": self.table.signal, "integer": torch.tensor(self.integer)}

    def timestep(self, t: Tensor) -> Tensor:
        """The timestep, (B,) float64, at which the table has the log-SNR of `t` (B,); beyond the table its end."""
        return self.table.find(t)[0]

    def time(self, timestep: float) -> float:
        """The time t of a timestep, the other way round; timesteps beyond the table are its ends."""
        return self.table.time(timestep)

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        t = self.check_inputs(x, t, cond)
        step, of_table, below, above = self.table.find(t)
        asked = step.round().long() if self.integer else step.float()
        if cond is None and self.cond_shape is not None:
            null = self.null_condition().to(x.device)
            cond = null.expand(x.shape[0], *null.shape)
        out = self.network(x, asked.to(x.device), cond)[:, : self.card.channels].float()
        x = x.float()
        alpha, sigma = (per_sample(each.to(x.device), x) for each in of_table)
        if not (below | above).any():
            return self._velocity(out, x, alpha, sigma)
        # beyond the table: read ε or x₀ where the network was asked, and let t have its own α and σ
        here, there = alpha_sigma(per_sample(t, x))
        v = self._velocity(out, x, alpha, sigma)
        eps, pred = sigma * x + alpha * v, alpha * x - sigma * v
        lower, upper = (per_sample(each.to(x.device), x).bool() for each in (below, above))
        v = torch.where(lower, (eps - there * x) / here, v)
        return torch.where(upper, (here * x - pred) / there, v)

    def _velocity(self, out: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        if self.prediction == "epsilon":
            return (out - sigma * x) / alpha
        if self.prediction == "sample":
            return (alpha * x - out) / sigma
        return out


class _Table:
    """Noise levels by timestep, in float64: ᾱ, the log-SNR ln(ᾱ / (1 − ᾱ)), and the times of the same log-SNR."""

    def __init__(self, alphas_cumprod: Tensor, name: str) -> None:
        signal = alphas_cumprod.detach().to("cpu", torch.float64).flatten()
        if len(signal) > 1 and signal[-1] == 0:
            signal = torch.cat([signal[:-1], (signal[-2:-1] / 4).clamp(max=NO_SIGNAL)])
        falling = bool((signal.diff() < 0).all()) and len(signal) > 1
        if not (falling and bool(((signal > 0) & (signal < 1)).all())):
            raise ValueError(f"{name}: ᾱ must fall from timestep to timestep, inside (0, 1)")
        self.signal = signal
        self.snr = torch.log(signal) - torch.log1p(-signal)
        self.times: list[float] = (torch.atan2((1 - signal).sqrt(), signal.sqrt()) * (2 / math.pi)).tolist()
        self._on: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = {}

    def time(self, timestep: float) -> float:
        at = min(max(timestep, 0.0), len(self.times) - 1.0)
        low = min(int(at), len(self.times) - 2)
        if at == int(at):
            return self.times[int(at)]
        snr = torch.lerp(self.snr[low], self.snr[low + 1], at - low)
        return math.atan2(math.sqrt(torch.sigmoid(-snr)), math.sqrt(torch.sigmoid(snr))) * (2 / math.pi)

    def find(self, t: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor, Tensor]:
        """Of times (B,): timesteps, their (α, σ), and which lie below and which above the table. All float64."""
        # MPS has no float64
        t = t.to("cpu" if t.device.type == "mps" else t.device, torch.float64)
        if t.device not in self._on:
            rising = (-self.snr).contiguous()
            self._on[t.device] = (
                rising.to(t.device),
                self.signal.sqrt().to(t.device),
                (1 - self.signal).sqrt().to(t.device),
            )
        noise, alphas, sigmas = self._on[t.device]
        alpha, sigma = alpha_sigma(t)
        wanted = 2 * torch.log(sigma.clamp_min(1e-300) / alpha)
        low = (torch.searchsorted(noise, wanted, right=True) - 1).clamp(0, len(noise) - 2)
        step = low + (wanted - noise[low]) / (noise[low + 1] - noise[low])
        last = len(noise) - 1
        nearest = step.round().clamp(0, last)
        at_point = (step - nearest).abs() < AT_POINT
        below, above = (step < 0) & ~at_point, (step > last) & ~at_point
        exact = at_point | below | above
        index = nearest.long()
        step = torch.where(exact, nearest, step)
        return step, (torch.where(exact, alphas[index], alpha), torch.where(exact, sigmas[index], sigma)), below, above
