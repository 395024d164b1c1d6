from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.diffusion.dual import mix
from diffstyler_cli.diffusion.guidance import bounded, guided
from diffstyler_cli.diffusion.schedule import alpha_sigma
from diffstyler_cli.errors import NumericalError, UsageError
from diffstyler_cli.losses.objective import Objective, ObjectiveReport

TIME = 0.7


def loss(pred):
    return (pred.sin() * pred.roll(1, -1) + 0.5 * pred**2).sum((1, 2, 3))


OBJECTIVE = Objective({"tv": (loss, 3.0)})


@pytest.fixture
def x(stream):
    return stream("x", 2, 3, 4, 4).double()


@pytest.fixture
def t():
    return torch.full((2,), TIME, dtype=torch.float64)


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("guide", ["art", "both", "none"])
def test_gradient_by_finite_differences(toy, other_toy, x, t, guide, lam):
    alpha, sigma = alpha_sigma(TIME)
    mixed = mix(toy, other_toy, lam)
    v0 = mixed(x, t)
    read = {"art": other_toy, "both": mixed, "none": lambda x, t: v0}[guide]

    def total(x):
        return 3.0 * loss(alpha * x - sigma * read(x, t)).sum().item()

    v = guided(toy, other_toy, lam, OBJECTIVE, guide=guide, scale=0.7, bound=math.inf)(x, t)
    g = (v - v0) * alpha / (0.7 * sigma)
    h = 1e-5
    for place in ((0, 0, 0, 0), (0, 2, 1, 3), (1, 1, 3, 2)):
        nudge = torch.zeros_like(x)
        nudge[place] = h
        assert g[place].item() == pytest.approx((total(x + nudge) - total(x - nudge)) / (2 * h), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("guide", "lam", "photo_calls", "art_calls"),
    [
        ("art", 0.5, 1, 1),
        ("art", 1.0, 1, 1),
        ("art", 0.0, 0, 1),
        ("both", 0.5, 1, 1),
        ("both", 1.0, 1, 0),
        ("both", 0.0, 0, 1),
        ("none", 0.5, 1, 1),
        ("none", 1.0, 1, 0),
        ("none", 0.0, 0, 1),
    ],
)
def test_each_network_is_called_at_most_once(toy, other_toy, counted, x, t, guide, lam, photo_calls, art_calls):
    photo, art = counted(toy), counted(other_toy)
    guided(photo, art, lam, OBJECTIVE, guide=guide, scale=1.0)(x, t)
    assert (photo.calls, art.calls) == (photo_calls, art_calls)


@pytest.mark.parametrize(
    ("guide", "differentiated"), [("art", [False, True]), ("both", [True, True]), ("none", [False, False])]
)
def test_only_the_named_networks_are_differentiated(toy, other_toy, x, t, guide, differentiated):
    modes = {}

    def spy(name, fn):
        def model(x, t):
            modes[name] = torch.is_grad_enabled()
            return fn(x, t)

        return model

    with torch.no_grad():
        guided(spy("photo", toy), spy("art", other_toy), 0.5, OBJECTIVE, guide=guide, scale=1.0)(x, t)
    assert [modes["photo"], modes["art"]] == differentiated


def test_scale_does_not_depend_on_lambda(toy, other_toy, x, t):
    corrections = [
        guided(toy, other_toy, lam, OBJECTIVE, guide="art", scale=0.5, bound=math.inf)(x, t)
        - mix(toy, other_toy, lam)(x, t)
        for lam in (0.2, 1.0)
    ]
    torch.testing.assert_close(*corrections)


def test_scale_0_is_the_plain_mix_without_a_loss(toy, other_toy, x, t):
    def fail(pred):
        raise AssertionError

    v = guided(toy, other_toy, 0.4, fail, guide="art", scale=0)(x, t)
    torch.testing.assert_close(v, mix(toy, other_toy, 0.4)(x, t))
    v = guided(toy, other_toy, 0.4, fail, guide="art", scale=1)(x, torch.zeros(2))
    torch.testing.assert_close(v, mix(toy, other_toy, 0.4)(x, torch.zeros(2)))


@pytest.mark.parametrize("guide", ["art", "both", "none"])
def test_guidance_lowers_the_objective_and_reports_it(toy, other_toy, x, t, guide):
    alpha, sigma = alpha_sigma(TIME)
    reports = []
    v0 = mix(toy, other_toy, 0.5)(x, t)
    v = guided(toy, other_toy, 0.5, OBJECTIVE, guide=guide, scale=0.02, on_report=reports.append)(x, t)
    assert OBJECTIVE(alpha * x - sigma * v).total < OBJECTIVE(alpha * x - sigma * v0).total
    read_at = other_toy(x, t) if guide == "art" else v0
    assert reports[0].total == pytest.approx(OBJECTIVE(alpha * x - sigma * read_at).total)
    assert not v.requires_grad


@pytest.mark.parametrize("time", [0.006, 0.7, 0.99571])
def test_the_correction_is_bounded_near_full_noise_too(toy, other_toy, x, time):
    t = torch.full((2,), time, dtype=torch.float64)
    v0 = mix(toy, other_toy, 0.5)(x, t)
    v = guided(toy, other_toy, 0.5, OBJECTIVE, guide="art", scale=1e6, bound=0.25)(x, t)
    shares = (v - v0).flatten(1).norm(dim=1) / v0.flatten(1).norm(dim=1)
    torch.testing.assert_close(shares, torch.full_like(shares, 0.25))


@given(st.floats(0, 100), st.floats(0.01, 3), st.integers(0, 1000))
def test_bounded_shortens_what_is_too_long_and_keeps_its_direction(size, bound, seed):
    correction, v = torch.randn(2, 3, 1, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    correction = size * correction
    result = bounded(correction, v, bound)
    for before, after, velocity in zip(correction, result, v, strict=True):
        limit = bound * velocity.norm()
        assert after.norm() <= limit * (1 + 1e-9) + 1e-12
        if before.norm() <= limit:
            torch.testing.assert_close(after, before)
        else:
            torch.testing.assert_close(after / after.norm(), before / before.norm())


def test_samples_do_not_meet(toy, other_toy, x, t):
    fn = guided(toy, other_toy, 0.5, OBJECTIVE, guide="both", scale=1.0)
    torch.testing.assert_close(fn(x, t)[1:], fn(x[1:], t[1:]))


def test_times_may_differ_in_a_batch(toy, other_toy, x):
    fn = guided(toy, other_toy, 0.5, OBJECTIVE, guide="art", scale=0.1)
    t = torch.tensor([0.2, 0.8], dtype=torch.float64)
    torch.testing.assert_close(fn(x, t), torch.cat([fn(x[:1], t[:1]), fn(x[1:], t[1:])]))


@pytest.mark.parametrize("scale", [0.0, 1.0])
@pytest.mark.parametrize("broken", ["photo", "art"])
def test_nan_names_the_network(toy, x, t, broken, scale):
    networks = {"photo": toy, "art": toy, broken: lambda x, t: x * math.nan}
    fn = guided(networks["photo"], networks["art"], 0.5, OBJECTIVE, guide="art", scale=scale)
    with pytest.raises(NumericalError, match=f"The {broken} network"):
        fn(x, t)


def test_nan_in_the_gradient_is_named(toy, other_toy, x, t):
    def objective(pred):
        return ObjectiveReport(0.0, {}, torch.full_like(pred, math.nan))

    with pytest.raises(NumericalError, match="gradient"):
        guided(toy, other_toy, 0.5, objective, guide="art", scale=1.0)(x, t)


def test_an_unknown_guide_is_a_usage_error(toy, other_toy):
    with pytest.raises(UsageError, match="photo"):
        guided(toy, other_toy, 0.5, OBJECTIVE, guide="photo", scale=1.0)


@pytest.mark.parametrize("guide", ["art", "both", "none"])
def test_a_batch_of_lambdas_is_each_lambda_by_itself(toy, other_toy, x, t, guide):
    lams = torch.linspace(0, 1, x.shape[0])
    together = guided(toy, other_toy, lams, OBJECTIVE, guide=guide, scale=0.5)(x, t)
    for i, lam in enumerate(lams.tolist()):
        alone = guided(toy, other_toy, lam, OBJECTIVE, guide=guide, scale=0.5)(x[i : i + 1], t[i : i + 1])
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)
