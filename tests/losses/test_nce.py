from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.losses.nce import NCELoss, info_nce


def test_info_nce_is_the_reference(golden, stream):
    q = F.normalize(stream("loss/q", 64, 256), dim=-1)
    k = F.normalize(q + 0.5 * stream("loss/k", 64, 256), dim=-1)
    assert info_nce(q, k).item() == pytest.approx(golden["losses"]["nce"], rel=1e-5)


@given(st.integers(1, 20), st.floats(0.05, 1))
def test_info_nce_of_places_that_are_all_alike_is_the_log_of_their_number(n, tau):
    q = F.normalize(torch.ones(1, n, 4, dtype=torch.float64), dim=-1)
    assert info_nce(q, q, tau).item() == pytest.approx(math.log(n), abs=1e-9)


def test_the_photo_itself_is_recognised_better_than_another_picture(features, photo, pred):
    loss = NCELoss(features, features.layers, photo, seed=0)
    assert loss(photo).item() < loss(pred).min().item()
    assert loss(pred).shape == (2,)


def test_gradient_is_not_zero_and_descends(features, photo, pred):
    loss = NCELoss(features, features.layers, photo, seed=0, places=32)
    leaf = pred.requires_grad_()
    before = loss(leaf).sum()
    (grad,) = torch.autograd.grad(before, leaf)
    assert (grad.flatten(1).norm(dim=1) > 1e-3).all()
    assert loss(leaf - 0.01 * grad / grad.norm()).sum() < before


def test_places_and_projection_are_fixed_and_seeded(features, photo, pred):
    loss = NCELoss(features, features.layers, photo, seed=5, places=20)
    value = loss(pred)
    assert torch.equal(loss(pred), value)
    assert torch.equal(NCELoss(features, features.layers, photo, seed=5, places=20)(pred), value)
    assert not torch.equal(NCELoss(features, features.layers, photo, seed=6, places=20)(pred), value)


def test_layers_with_few_places_use_them_all(features, photo):
    loss = NCELoss(features, features.layers, photo, seed=0, places=50)
    assert {layer: keys.shape for layer, keys in loss.keys.items()} == {"shallow": (1, 50, 256), "deep": (1, 35, 256)}
    assert loss.places["deep"].sort().values.tolist() == list(range(35))


def test_loss_is_the_mean_over_layers(features, photo, pred):
    both = NCELoss(features, ["deep", "shallow"], photo, seed=0)(pred)
    deep = NCELoss(features, ["deep"], photo, seed=0)(pred)
    assert not torch.allclose(both, deep)
    twice = NCELoss(lambda x: dict.fromkeys("ab", features(x)["deep"]), ["a"], photo, seed=0)(pred)
    torch.testing.assert_close(twice, deep)
