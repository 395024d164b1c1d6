from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.diffusion.schedule import T_MAX, T_MIN, alpha_sigma, ddpm_to_t, log_snr, per_sample, splice, t_grid


@pytest.mark.parametrize("t1", [10, 14])
def test_grid_is_the_reference(golden, t1):
    grid = t_grid(t1)
    assert grid.dtype == torch.float64
    torch.testing.assert_close(grid, torch.tensor(golden["solvers"]["grid"][str(t1)]).double(), atol=1e-7, rtol=0)


def test_check_values():
    assert abs(T_MIN - 0.006366) < 5e-7
    assert abs(T_MAX - 0.995711) < 5e-7
    alpha, sigma = alpha_sigma(T_MAX)
    assert sigma / alpha == pytest.approx(148.4, abs=0.05)


@pytest.mark.parametrize(
    ("t1", "alpha"), [(50, 0.0067), (55, 0.021), (60, 0.047), (70, 0.143), (80, 0.277), (100, 0.512)]
)
def test_starting_alpha_of_fifty_steps(t1, alpha):
    assert alpha_sigma(float(t_grid(t1)[50]))[0] == pytest.approx(alpha, abs=0.0006)


@given(st.integers(1, 500))
def test_grid_increases_from_0_to_t_max(t1):
    grid = t_grid(t1)
    assert len(grid) == t1 + 1
    assert grid[0] == 0
    assert grid[-1].item() == pytest.approx(T_MAX, abs=1e-12)
    assert (grid.diff() > 0).all()


@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 60))
def test_a_grid_is_part_of_its_refinement(t1, factor, i):
    i = min(i, t1)
    assert t_grid(t1)[i].item() == pytest.approx(t_grid(t1 * factor)[i * factor].item(), abs=1e-12)


@given(st.floats(0, 1))
def test_alpha_and_sigma_keep_unit_variance_as_floats_and_as_tensors(t):
    alpha, sigma = alpha_sigma(t)
    assert alpha**2 + sigma**2 == pytest.approx(1)
    assert [x.item() for x in alpha_sigma(torch.tensor(t, dtype=torch.float64))] == pytest.approx([alpha, sigma])


@given(st.floats(0, 1))
def test_ddpm_time_has_the_noise_level_of_ddpm(z):
    t = ddpm_to_t(torch.tensor(z, dtype=torch.float64))
    assert log_snr(t).item() == pytest.approx(-math.log(math.expm1(1e-4 + 10 * z * z)), rel=1e-9, abs=1e-9)


def test_splice_is_continuous_where_the_schedules_meet():
    seam = 0.80074257 / (1 + 0.80074257 - 0.48536712)
    below, above = splice(torch.tensor([seam - 1e-9, seam + 1e-9], dtype=torch.float64))
    assert above.item() == pytest.approx(below.item(), abs=1e-6)


def test_per_sample_takes_a_scalar_or_a_time_a_sample():
    x = torch.zeros(2, 3, 4, 5)
    assert per_sample(torch.tensor(0.5), x).shape == (2, 1, 1, 1)
    assert per_sample(torch.tensor([0.25, 0.5]), x).flatten().tolist() == [0.25, 0.5]
