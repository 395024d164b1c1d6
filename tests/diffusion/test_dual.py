from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.diffusion.dual import batched_cfg, cfg, checked, clamped, mix
from diffstyler_cli.diffusion.schedule import per_sample
from diffstyler_cli.errors import NumericalError

TIMES = torch.tensor([0.3, 0.7])


def network(x, t, cond):
    """Depends on all three, sample by sample."""
    return torch.tanh(x * (1 + cond[:, :1, None, None]) + cond[:, 1:2, None, None] * per_sample(t, x))


def null(x, t):
    return network(x, t, torch.zeros(len(x), 3))


def conditioned_on(embedding):
    return lambda x, t: network(x, t, embedding.expand(len(x), -1))


@given(st.lists(st.one_of(st.just(0.0), st.just(1.0), st.floats(-5, 8)), min_size=1, max_size=4))
def test_cfg_and_batched_cfg_are_the_formula(weights):
    embeddings = torch.randn(len(weights), 3, generator=torch.Generator().manual_seed(1))
    x = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    v_null = null(x, TIMES)
    conditions = [conditioned_on(e) for e in embeddings]
    expected = v_null + sum(w * (c(x, TIMES) - v_null) for w, c in zip(weights, conditions, strict=True))
    torch.testing.assert_close(cfg(null, conditions, weights)(x, TIMES), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(batched_cfg(network, embeddings, weights)(x, TIMES), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("weights", "null_calls", "condition_calls"),
    [
        ([3.0], 1, [1]),
        ([1.0], 0, [1]),
        ([0.0], 1, [0]),
        ([0.0, 1.0], 0, [0, 1]),
        ([2.0, 0.0, -1.0], 0, [1, 0, 1]),
        ([0.1, 0.2, 0.7], 0, [1, 1, 1]),
        ([3.0, 2.5], 1, [1, 1]),
    ],
)
def test_what_has_no_share_is_not_computed(counted, weights, null_calls, condition_calls):
    embeddings = torch.randn(len(weights), 3, generator=torch.Generator().manual_seed(1))
    sizes = []

    def sized(x, t, cond):
        sizes.append((len(x), len(t), len(cond)))
        return network(x, t, cond)

    counted_null, conditions = counted(null), [counted(conditioned_on(e)) for e in embeddings]
    x = torch.randn(2, 3, 2, 2)
    v = cfg(counted_null, conditions, weights)(x, TIMES)
    assert counted_null.calls == null_calls
    assert [c.calls for c in conditions] == condition_calls
    torch.testing.assert_close(batched_cfg(sized, embeddings, weights)(x, TIMES), v, atol=1e-6, rtol=1e-5)
    assert sizes == [(2 * (null_calls + sum(condition_calls)),) * 3]


def test_a_scalar_time_serves_the_whole_batch():
    x, embeddings = torch.randn(2, 3, 2, 2), torch.randn(1, 3)
    fn = batched_cfg(network, embeddings, [3.0])
    torch.testing.assert_close(fn(x, torch.tensor(0.4)), fn(x, torch.tensor([0.4, 0.4])))


def test_embeddings_and_weights_must_match():
    with pytest.raises(ValueError):
        batched_cfg(network, torch.randn(2, 3), [1.0])
    with pytest.raises(ValueError):
        cfg(lambda x, t: x, [], [1.0])


@given(st.floats(0, 1))
def test_mix_weighs_the_networks(lam):
    x = torch.ones(1, 1, 2, 2)
    v = mix(lambda x, t: 2 * x, lambda x, t: -x, lam)(x, torch.tensor(0.5))
    torch.testing.assert_close(v, (2 * lam - (1 - lam)) * x)


@pytest.mark.parametrize(("lam", "photo_calls", "art_calls"), [(0, 0, 1), (1, 1, 0), (0.5, 1, 1)])
def test_mix_does_not_call_a_network_without_a_share(toy, other_toy, counted, stream, lam, photo_calls, art_calls):
    photo, art = counted(toy), counted(other_toy)
    mix(photo, art, lam)(stream("x", 1, 3, 4, 4), torch.tensor([0.5]))
    assert (photo.calls, art.calls) == (photo_calls, art_calls)


def test_clamped_keeps_time_in_range():
    seen = clamped(lambda x, t: t, 0.1, 0.9)(torch.zeros(3), torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(seen, torch.tensor([0.1, 0.5, 0.9]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_checked_names_the_network(bad):
    model = checked(lambda x, t: torch.where(x > 0, bad, 0.0), "art network")
    assert model(-torch.ones(2), torch.tensor(0.5)).eq(0).all()
    with pytest.raises(NumericalError, match=r"art network .*t = 0\.5000"):
        model(torch.tensor([-1.0, 1.0]), torch.tensor(0.5))


def test_checked_returns_the_dtype_of_x():
    assert checked(lambda x, t: x.bfloat16(), "photo network")(torch.zeros(2), torch.tensor(0.5)).dtype == torch.float32


def test_each_sample_of_a_batch_may_have_its_own_lambda():
    lam = torch.tensor([0.0, 0.3, 1.0])
    x, t = torch.randn(3, 3, 4, 4), torch.full((3,), 0.5)
    seen = []

    def photo(x, t):
        seen.append(x.shape[0])
        return 2 * x + t[:, None, None, None]

    def art(x, t):
        return -x

    together = mix(photo, art, lam)(x, t)
    assert seen == [2], "the photo network sees only the samples in which it has a share"
    for i, share in enumerate(lam.tolist()):
        assert torch.allclose(together[i : i + 1], mix(photo, art, share)(x[i : i + 1], t[i : i + 1]), atol=1e-6)
    seen.clear()
    assert torch.equal(mix(photo, art, torch.zeros(3))(x, t), -x)
    assert seen == []


def test_weights_and_lambda_may_differ_from_place_to_place():
    x, embeddings = torch.randn(2, 3, 4, 4), torch.randn(2, 3)
    left = torch.zeros(1, 1, 4, 4)
    left[..., :2] = 1
    fn = batched_cfg(network, embeddings, [2.0 * left, 0.5 * (1 - left)])
    alone = [batched_cfg(network, embeddings[k : k + 1], [w])(x, TIMES) for k, w in ((0, 2.0), (1, 0.5))]
    torch.testing.assert_close(fn(x, TIMES), torch.where(left > 0, *alone), atol=1e-6, rtol=1e-5)
    mixed = mix(lambda x, t: 2 * x, lambda x, t: -x, 0.25 * left)(x, TIMES)
    torch.testing.assert_close(mixed, torch.where(left > 0, -0.25 * x, -x))


@pytest.mark.parametrize(("share", "calls"), [(0.0, (0, 1)), (1.0, (1, 0)), (0.5, (1, 1))])
def test_a_map_of_one_lambda_calls_what_that_lambda_calls(toy, other_toy, counted, share, calls):
    photo, art = counted(toy), counted(other_toy)
    mix(photo, art, torch.full((1, 1, 4, 4), share))(torch.randn(2, 3, 4, 4), torch.tensor([0.5]))
    assert (photo.calls, art.calls) == calls


def test_a_condition_without_a_place_is_not_computed():
    sizes = []

    def sized(x, t, cond):
        sizes.append(len(x))
        return network(x, t, cond)

    ones = torch.ones(1, 1, 2, 2)
    batched_cfg(sized, torch.randn(2, 3), [ones, 0 * ones])(torch.randn(1, 3, 2, 2), torch.tensor([0.5]))
    assert sizes == [1], "neither v(∅), whose share is 0 everywhere, nor the second"
