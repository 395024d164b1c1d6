"""Noise schedule: alpha(t) = cos(pi t / 2), sigma(t) = sin(pi t / 2), t in [0, 1] with 0 = clean, and the T1-step grid.

The networks predict the velocity v, from which x̂0 = alpha x - sigma v and eps = sigma x + alpha v.
"""

from __future__ import annotations

import math
from typing import overload

import torch
from torch import Tensor

CROSSOVER_COSINE = 0.80074257
"""Time at which the spliced schedule leaves the cosine schedule."""
CROSSOVER_DDPM = 0.48536712
"""DDPM time at which the spliced schedule joins the DDPM schedule."""


@overload
def alpha_sigma(t: float) -> tuple[float, float]: ...
@overload
def alpha_sigma(t: Tensor) -> tuple[Tensor, Tensor]: ...
def alpha_sigma(t: float | Tensor) -> tuple[float, float] | tuple[Tensor, Tensor]:
    """Signal and noise scales at time `t` in [0, 1], of the type and shape of `t`; alpha² + sigma² = 1."""
    if isinstance(t, Tensor):
        angle = t * (math.pi / 2)
        return angle.cos(), angle.sin()
    return math.cos(t * math.pi / 2), math.sin(t * math.pi / 2)


def per_sample(t: Tensor, x: Tensor) -> Tensor:
    """`t`, 0-d or (B,), in the dtype of `x` (Bx…) and shaped so that it broadcasts over a sample: (B, 1, …)."""
    return t.to(x.dtype).expand(x.shape[0]).reshape(-1, *[1] * (x.ndim - 1))


def log_snr(t: Tensor) -> Tensor:
    """Log signal-to-noise ratio 2 ln(alpha / sigma); +inf at t = 0."""
    alpha, sigma = alpha_sigma(t)
    return 2 * torch.log(alpha / sigma)


def ddpm_to_t(z: Tensor) -> Tensor:
    """Time t at which our schedule has the noise level of DDPM's linear schedule at `z` in [0, 1].

    log-SNR l = -ln(expm1(1e-4 + 10 z²)), t = (2/pi) atan2(sigma, alpha).
    """
    snr = -torch.log(torch.expm1(1e-4 + 10 * z**2))
    return torch.atan2(torch.sigmoid(-snr).sqrt(), torch.sigmoid(snr).sqrt()) * (2 / math.pi)


def splice(s: Tensor) -> Tensor:
    """The spliced schedule that the checkpoints were tuned for, `s` in [0, 1] to t: cosine, then DDPM near noise."""
    u = s * (1 + CROSSOVER_COSINE - CROSSOVER_DDPM)
    return torch.where(u < CROSSOVER_COSINE, u, ddpm_to_t(u + CROSSOVER_DDPM - CROSSOVER_COSINE))


def t_grid(t1: int) -> Tensor:
    """The grid t_0 … t_T1, float64 of length `t1` + 1, increasing from 0 to T_MAX. `t1` is at least 1."""
    return splice(torch.arange(t1 + 1, dtype=torch.float64) / t1)


T_MIN = float(ddpm_to_t(torch.tensor(0.0, dtype=torch.float64)))
"""Smallest time that the art network was trained on, ddpm(0) = 0.006366."""
T_MAX = float(ddpm_to_t(torch.tensor(1.0, dtype=torch.float64)))
"""Largest time of the grid and of the networks' training, ddpm(1) = 0.995711 (sigma / alpha = 148.4)."""
