"""The lite diffusion networks: what their closed form promises, and that the trained ones take noise away."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from diffstyler_cli import Stylizer
from diffstyler_cli.diffusion.schedule import alpha_sigma
from diffstyler_cli.models.base import Components
from diffstyler_cli.models.lite.unet import DETAIL, LiteUNet


@pytest.fixture(scope="module")
def lite(stylizer: Stylizer) -> Components:
    return stylizer.components


def denoised(network: LiteUNet, x0: Tensor, t: float, seed: int = 0) -> Tensor:
    """x̂0 of one step from x0 (Bx3xHxW) with the noise of time t."""
    alpha, sigma = alpha_sigma(t)
    x = alpha * x0 + sigma * torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return alpha * x - sigma * network(x, torch.full((len(x0),), t))


@pytest.mark.parametrize("t", [0.02, 0.1, 0.3, 0.8, 0.99])
def test_an_untrained_network_is_the_best_linear_denoiser_of_detail(t: float) -> None:
    alpha, sigma = alpha_sigma(t)
    detail = DETAIL * torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    error = (denoised(LiteUNet("art"), detail, t) - detail).square().mean().item()
    least = (DETAIL * sigma) ** 2 / ((DETAIL * alpha) ** 2 + sigma**2)
    assert error == pytest.approx(least, rel=0.03)


@pytest.mark.parametrize("role", ["photo", "art"])
@pytest.mark.parametrize("t", [0.3, 0.5, 0.7])
def test_the_built_in_networks_leave_little_grain_on_a_flat_picture(lite: Components, role: str, t: float) -> None:
    alpha, sigma = alpha_sigma(t)
    flat = torch.full((1, 3, 128, 128), 0.2)
    pred = denoised(getattr(lite, role), flat, t)
    grain = (pred - F.avg_pool2d(pred, 3, 1, 1))[..., 1:-1, 1:-1].std().item()
    assert grain < 0.06 * sigma / alpha


def test_the_cards_say_what_the_networks_are_and_the_schedule_says_the_times() -> None:
    from diffstyler_cli.diffusion.schedule import T_MAX, T_MIN
    from diffstyler_cli.models.cards import CARDS, DDPM_T_MAX, DDPM_T_MIN
    from diffstyler_cli.models.full.load import build

    assert (DDPM_T_MIN, DDPM_T_MAX) == (T_MIN, T_MAX)
    made = [LiteUNet("photo"), LiteUNet("art"), build("photo"), build("art")]
    assert [network.card for network in made] == list(CARDS)
