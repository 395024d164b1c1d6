from __future__ import annotations

import torch

from diffstyler_cli.losses.aesthetic import AestheticLoss
from diffstyler_cli.losses.instruction import CutoutEmbeddings, Cutouts


def rate(embeddings):
    return 5 + embeddings[:, 0] - 2 * embeddings[:, 3]


def test_loss_is_minus_the_mean_rating(encoder, pred):
    loss = AestheticLoss(CutoutEmbeddings(encoder, Cutouts(4, 8, seed=1)), rate)
    embeddings = encoder(Cutouts(4, 8, seed=1)(pred))
    torch.testing.assert_close(loss(pred), -rate(embeddings).reshape(4, 2).mean(0))


def test_descending_the_gradient_raises_the_rating(encoder, pred):
    def loss_at(x):
        return AestheticLoss(CutoutEmbeddings(encoder, Cutouts(4, 8, seed=1)), rate)(x).sum()

    leaf = pred.requires_grad_()
    (grad,) = torch.autograd.grad(loss_at(leaf), leaf)
    assert -loss_at(leaf - 0.1 * grad / grad.norm()) > -loss_at(leaf)
