"""diffusers as the oracle: its samplers against our solvers, on one network and the same timesteps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from space_networks import card_of
from torch import Tensor

from diffstyler_cli.diffusion.free import free_diffusion
from diffstyler_cli.diffusion.schedule import alpha_sigma
from diffstyler_cli.diffusion.solvers import Step, integrate
from diffstyler_cli.models.discrete import AdaptedNetwork

diffusers = pytest.importorskip("diffusers", reason="needs diffusers")

SCHEDULES: dict[str, dict[str, Any]] = {
    "linear": {},
    "scaled-linear": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
}
Unet = Callable[[Tensor, Tensor | int], Any]


def adapted(unet: Unet, scheduler: Any, prediction: str = "epsilon") -> AdaptedNetwork:
    return AdaptedNetwork(
        lambda x, timestep, cond: unet(x, timestep).sample, card_of(), scheduler.alphas_cumprod, prediction
    )


def noise() -> Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def theirs(scheduler: Any, unet: Unet, x: Tensor, steps: int) -> tuple[Tensor, list[int]]:
    """Their loop, and the timesteps that it stood at, each once."""
    scheduler.set_timesteps(steps)
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            x = scheduler.step(unet(x, timestep).sample, timestep, x).prev_sample
    return x, [int(k) for k in scheduler.timesteps]


def ours(network: AdaptedNetwork, x: Tensor, times: Sequence[float], solver: str) -> Tensor:
    *_, last = integrate(network, x, times, solver)
    return last.x


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ddim(unet: Unet, schedule: str, spacing: str, prediction: str) -> None:
    scheduler = diffusers.DDIMScheduler(
        **SCHEDULES[schedule], clip_sample=False, timestep_spacing=spacing, prediction_type=prediction
    )
    expected, timesteps = theirs(scheduler, unet, noise(), 20)
    network = adapted(unet, scheduler, prediction)
    found = ours(network, noise(), [*map(network.time, timesteps), 0.0], "ddim")
    # at the last timestep of the cosine table α is 5e-5, so that (x − σε)/α has few digits left in float32
    atol = 2e-4 if (schedule, spacing) == ("cosine", "trailing") else 1e-4
    torch.testing.assert_close(found, expected, atol=atol, rtol=1e-4)


def test_ddim_as_stable_diffusion_is_configured(unet: Unet) -> None:
    """Timesteps 1, 21 … 981, and the last step ends at the noise level of timestep 0."""
    scheduler = diffusers.DDIMScheduler(
        **SCHEDULES["scaled-linear"], clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    expected, timesteps = theirs(scheduler, unet, noise(), 50)
    assert timesteps[-1] == 1
    network = adapted(unet, scheduler)
    found = ours(network, noise(), [*map(network.time, timesteps), network.t_min], "ddim")
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("steps", [10, 20])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_dpm_solver(unet: Unet, schedule: str, steps: int, prediction: str) -> None:
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **SCHEDULES[schedule], algorithm_type="dpmsolver++", solver_order=2, prediction_type=prediction
    )
    expected, timesteps = theirs(scheduler, unet, noise(), steps)
    network = adapted(unet, scheduler, prediction)
    found = ours(network, noise(), [*map(network.time, timesteps), 0.0], "dpmpp_2m")
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def even_betas(count: int = 1000) -> Tensor:
    """Of a table whose times are even, so that half-way between two timesteps is half-way in t."""
    t = torch.arange(count + 1, dtype=torch.float64) / (count + 1)
    signal = torch.cos(t * torch.pi / 2) ** 2
    return (1 - signal[1:] / signal[:-1]).float()


def test_pndm(unet: Unet) -> None:
    """Three steps of pseudo Runge-Kutta, then linear multistep of order 4 (Liu et al. 2022).

    Two things are chosen otherwise, on purpose: its middle of a step is that of the timesteps, ours of the times (here
    they agree); and of a Runge-Kutta step it keeps the first ε for later, we the mean that was used, as the released
    code of DiffStyler does. With what ours kept, its later steps are ours.
    """
    scheduler = diffusers.PNDMScheduler(trained_betas=even_betas().numpy(), set_alpha_to_one=True)
    scheduler.set_timesteps(20)
    timesteps = list(range(950, -1, -50))
    network = adapted(unet, scheduler)
    steps = list(integrate(network, noise(), [*map(network.time, timesteps), 0.0], "plms"))
    x, states, kept = noise(), {}, []
    with torch.no_grad():
        for number, timestep in enumerate(scheduler.timesteps):
            if number == 12:
                scheduler.ets = kept
            x = scheduler.step(unet(x, timestep).sample, timestep, x).prev_sample
            index = number // 4 if number < 12 else number - 9
            if number % 4 == 3 or number >= 12:
                states[index] = x
                kept += [used_eps(steps[index], noise() if index == 0 else states[index - 1])] if index < 3 else []
    assert list(states) == list(range(20))
    for step in steps:
        torch.testing.assert_close(step.x, states[step.index], atol=1e-4, rtol=1e-4)


def used_eps(step: Step, x: Tensor) -> Tensor:
    """The ε that the step used on `x`."""
    alpha, sigma = alpha_sigma(step.t)
    return (x - alpha * step.pred) / sigma


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_plms_as_stable_diffusion_starts_it(unet: Unet, schedule: str) -> None:
    """By pseudo improved Euler, then second order: plms2, where it keeps what ours keeps."""
    scheduler = diffusers.PNDMScheduler(**SCHEDULES[schedule], skip_prk_steps=True, steps_offset=1)
    scheduler.set_timesteps(20)
    network = adapted(unet, scheduler)
    first, second = integrate(network, noise(), [network.time(k) for k in (951, 901, 851)], "plms2")
    x = noise()
    with torch.no_grad():
        for timestep in scheduler.timesteps[:2]:
            x = scheduler.step(unet(x, timestep).sample, timestep, x).prev_sample
        torch.testing.assert_close(first.x, x, atol=1e-4, rtol=1e-4)
        scheduler.ets = [used_eps(first, noise())]
        x = scheduler.step(unet(x, 901).sample, 901, x).prev_sample
    torch.testing.assert_close(second.x, x, atol=1e-4, rtol=1e-4)


def test_ipndm_is_iplms(unet: Unet) -> None:
    """Of a velocity network, at its own continuous times."""
    times = torch.linspace(0.95, 0.0, 21, dtype=torch.float64)
    scheduler = diffusers.IPNDMScheduler(trained_betas=(times * torch.pi / 2).sin().tolist())
    scheduler.set_timesteps(20)
    scheduler.betas = torch.sin(times * torch.pi / 2)
    scheduler.alphas = torch.cos(times * torch.pi / 2)
    scheduler.timesteps = times[:-1]
    x = noise()
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(unet(x, 1000 * t.float()).sample, t, x).prev_sample.float()
    *_, last = integrate(lambda x, t: unet(x, 1000 * t).sample, noise(), times, "iplms")
    torch.testing.assert_close(last.x, x, atol=1e-4, rtol=1e-4)


# --- DDIM inversion is free diffusion -------------------------------------------------------------------------------
def inverse(schedule: str) -> Any:
    return diffusers.DDIMInverseScheduler(**SCHEDULES[schedule], clip_sample=False, set_alpha_to_one=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_free_diffusion_is_ddim_inversion(unet: Unet, schedule: str) -> None:
    """The equation of Song et al. (2021): ε at the state's own timestep carries it to the next. The first question is
    put at timestep 0, the nearest to a clean picture that the network knows."""
    scheduler = inverse(schedule)
    scheduler.set_timesteps(20)
    photo = noise().clamp(-1, 1)
    x = photo
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            at = max(0, int(timestep) - 50)
            x = scheduler.step(unet(x, at).sample, timestep, x).prev_sample
    network = adapted(unet, scheduler)
    grid = torch.tensor([0.0, *map(network.time, scheduler.timesteps.tolist())], dtype=torch.float64)
    *_, last = free_diffusion(network, photo, grid, len(grid) - 1, "ddim")
    torch.testing.assert_close(last.x, x, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_and_so_it_is_where_their_pipelines_ask_ahead(unet: Unet, schedule: str) -> None:
    """Their pipelines ask for ε at the timestep that a step leads to. Asked the same, ours takes the same steps."""
    scheduler = inverse(schedule)
    expected, timesteps = theirs(scheduler, unet, noise(), 20)
    network = adapted(unet, scheduler)
    grid = torch.tensor([0.0, *map(network.time, timesteps)], dtype=torch.float64)
    ahead = dict(zip(grid[:-1].float().tolist(), timesteps, strict=True))

    def asked_ahead(x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = alpha_sigma(t[0])
        return (unet(x, ahead[t[0].item()]).sample - sigma * x) / alpha

    *_, last = free_diffusion(asked_ahead, noise(), grid, len(grid) - 1, "ddim")
    torch.testing.assert_close(last.x, expected, atol=2e-5, rtol=2e-5)
