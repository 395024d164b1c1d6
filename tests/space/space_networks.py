"""Tables of noise levels, and a Gaussian whose best predictions are known in every parameterisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diffstyler_cli.models.cards import NetworkCard
from diffstyler_cli.models.discrete import AdaptedNetwork

N = 1000


def scaled_linear() -> Tensor:
    return torch.linspace(0.00085**0.5, 0.012**0.5, N) ** 2


def cosine() -> Tensor:
    signal = torch.cos((torch.arange(N + 1, dtype=torch.float64) / N + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - signal[1:] / signal[:-1]).clamp(max=0.999).float()


TABLES: dict[str, Tensor] = {
    "linear": (1 - torch.linspace(1e-4, 0.02, N)).cumprod(0),
    "scaled-linear": (1 - scaled_linear()).cumprod(0),
    "cosine": (1 - cosine()).cumprod(0),
}
"""ᾱ of DDPM, of Stable Diffusion, and of improved DDPM (diffusers' squaredcos_cap_v2)."""


def card_of(name: str = "network", **facts: Any) -> NetworkCard:
    given: dict[str, Any] = {
        "role": "art", "set": "full", "prediction": "epsilon", "native_size": 32, "multiple": 4, "t_min": 0.0,
        "t_max": 1.0, "cond_dim": None,
    }  # fmt: skip
    return NetworkCard(name, **{**given, **facts})


@dataclass(frozen=True)
class Gaussian:
    """Data distributed as N(mean, std²), seen through the noise of a table, linear in log-SNR between timesteps."""

    mean: float
    std: float

    def velocity(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        pred, eps = self.means(x, alpha, sigma)
        return alpha * eps - sigma * pred

    def means(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """E[x₀ | x] and E[ε | x]."""
        centred = (x - alpha * self.mean) / (alpha**2 * self.std**2 + sigma**2)
        return self.mean + alpha * self.std**2 * centred, sigma * centred

    def network(self, table: Tensor, prediction: str) -> Callable[..., Tensor]:
        """What a perfect network on that table predicts."""
        signal = table.double()
        snr = torch.log(signal / (1 - signal))

        def fn(x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
            low = timestep.double().floor().clamp(0, N - 2).long()
            level = torch.lerp(snr[low], snr[low + 1], timestep.double() - low)[:, None, None, None]
            alpha, sigma = torch.sigmoid(level).sqrt(), torch.sigmoid(-level).sqrt()
            pred, eps = self.means(x.double(), alpha, sigma)
            return {"sample": pred, "epsilon": eps, "v_prediction": alpha * eps - sigma * pred}[prediction]

        return fn

    def adapted(self, table: str, prediction: str) -> AdaptedNetwork:
        return AdaptedNetwork(self.network(TABLES[table], prediction), card_of(table), TABLES[table], prediction)
