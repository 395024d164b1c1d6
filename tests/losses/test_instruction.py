from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.config import DISTANCES as CONFIGURED
from diffstyler_cli.errors import UsageError
from diffstyler_cli.losses.instruction import (
    DISTANCES,
    CutoutEmbeddings,
    Cutouts,
    InstructionLoss,
    PlacedTargets,
    cosine_distance,
    prompt_target,
    spherical_distance,
)


def test_the_distances_are_those_of_the_configuration():
    assert set(DISTANCES) == set(CONFIGURED)


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_are_the_reference(golden, stream, name):
    distance = DISTANCES[name](stream("loss/a", 4, 512), stream("loss/b", 1, 512))
    torch.testing.assert_close(distance, torch.tensor(golden["losses"][name]), atol=1e-6, rtol=1e-6)


@given(st.floats(0, math.pi), st.floats(0.1, 10))
def test_distances_of_an_angle_whatever_the_lengths(angle, length):
    a = torch.tensor([1.0, 0.0], dtype=torch.float64)
    b = length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    assert cosine_distance(a, b).item() == pytest.approx(1 - math.cos(angle), abs=1e-9)
    assert spherical_distance(a, b).item() == pytest.approx(angle**2 / 2, abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", DISTANCES)
def test_gradients_are_finite_for_equal_and_opposite_embeddings(name, sign):
    a = F.normalize(torch.ones(1, 4), dim=-1).requires_grad_()
    (grad,) = torch.autograd.grad(DISTANCES[name](a, sign * a.detach()).sum(), a)
    assert grad.isfinite().all()


def test_target_of_several_prompts_is_their_renormalised_weighted_mean():
    embeddings = F.normalize(torch.randn(3, 5, generator=torch.Generator().manual_seed(0)), dim=-1)
    weights = torch.tensor([3.0, 1.0, -0.5])
    target = prompt_target(embeddings, weights)
    mean = 3 * embeddings[0] + embeddings[1] - 0.5 * embeddings[2]
    torch.testing.assert_close(target, mean / mean.norm())
    torch.testing.assert_close(target, prompt_target(embeddings, 10 * weights))


def test_target_of_one_prompt_is_its_embedding():
    embedding = F.normalize(torch.randn(1, 5), dim=-1)
    torch.testing.assert_close(prompt_target(embedding, torch.tensor([2.5])), embedding[0])


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0]])
def test_prompts_that_cancel_out_are_a_usage_error(weights):
    embeddings = F.normalize(torch.ones(2, 5), dim=-1)
    with pytest.raises(UsageError, match="cancel"):
        prompt_target(embeddings, torch.tensor(weights))


def test_cutouts_are_reproducible_and_new_on_each_call(pred):
    first, second = Cutouts(4, 8, seed=3), Cutouts(4, 8, seed=3)
    views = first(pred)
    assert views.shape == (8, 3, 8, 8)
    assert torch.equal(views, second(pred))
    again = first(pred)
    assert not torch.equal(views, again)
    assert torch.equal(again, second(pred))
    assert not torch.equal(views, Cutouts(4, 8, seed=4)(pred))


def test_cutouts_leave_the_global_generator_alone(pred):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    Cutouts(4, 8, seed=3)(pred)
    assert torch.equal(torch.rand(1), expected)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5), st.integers(1, 12))
def test_cutouts_fit_any_picture(height, width, count, size):
    views = Cutouts(count, size, seed=0)(torch.full((1, 3, height, width), 0.5))
    assert views.shape == (count, 3, size, size)
    torch.testing.assert_close(views, torch.full_like(views, 0.5))


def test_loss_is_the_mean_distance_of_the_cutouts(encoder, pred):
    target = F.normalize(torch.ones(5, dtype=torch.float64), dim=0)
    loss = InstructionLoss(CutoutEmbeddings(encoder, Cutouts(6, 8, seed=1)), target, "spherical")
    embeddings = encoder(Cutouts(6, 8, seed=1)(pred)).reshape(6, 2, 5)
    torch.testing.assert_close(loss(pred), spherical_distance(embeddings, target).mean(0))
    assert encoder.pictures == 12


def test_descending_the_gradient_brings_the_picture_nearer(encoder, pred):
    target = F.normalize(torch.ones(5, dtype=torch.float64), dim=0)

    def loss_at(x):
        return InstructionLoss(CutoutEmbeddings(encoder, Cutouts(6, 8, seed=1)), target)(x).sum()

    leaf = pred.requires_grad_()
    before = loss_at(leaf)
    (grad,) = torch.autograd.grad(before, leaf)
    assert loss_at(leaf - 0.1 * grad / grad.norm()) < before


def test_each_cutout_is_drawn_to_what_has_most_of_it(encoder, pred):
    targets = F.normalize(torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3)), dim=-1)
    left = torch.zeros(12, 16)
    left[:, :8] = 1
    cutouts = Cutouts(20, 8, seed=1)
    placed = PlacedTargets(cutouts, targets, torch.stack([left, 1 - left]))
    embeddings = CutoutEmbeddings(encoder, cutouts)(pred)
    expected = []
    for x in (x for x in cutouts.boxes):
        top, column, side = x
        share = left[top : top + side, column : column + side].mean().double()
        expected.append(F.normalize(share * targets[0] + (1 - share) * targets[1], dim=0))
    torch.testing.assert_close(placed(), torch.stack(expected)[:, None])
    loss = InstructionLoss(CutoutEmbeddings(encoder, Cutouts(20, 8, seed=1)), placed)
    again = PlacedTargets(loss.embed.cutouts, targets, torch.stack([left, 1 - left]))
    loss.target = again
    torch.testing.assert_close(loss(pred), cosine_distance(embeddings, torch.stack(expected)[:, None]).mean(0))


def test_a_cutout_in_which_nothing_has_a_place_pulls_nowhere(encoder, pred):
    cutouts = Cutouts(4, 8, seed=1)
    loss = InstructionLoss(
        CutoutEmbeddings(encoder, cutouts), PlacedTargets(cutouts, torch.eye(2, 5), torch.zeros(2, 12, 16))
    )
    leaf = pred.requires_grad_()
    (grad,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    assert not grad.any()
