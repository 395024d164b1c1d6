from __future__ import annotations

import torch

from diffstyler_cli.losses.content import ContentLoss


def test_loss_is_the_mean_squared_difference_summed_over_layers(features, photo, pred):
    loss = ContentLoss(features, features.layers, photo)(pred)
    of_pred, of_photo = features(pred), features(photo)
    expected = sum((of_pred[layer] - of_photo[layer]).square().mean((1, 2, 3)) for layer in features.layers)
    torch.testing.assert_close(loss, expected)
    assert loss.shape == (2,)


def test_the_photo_itself_has_no_loss_and_its_features_are_computed_once(features, photo):
    loss = ContentLoss(features, ["deep"], photo)
    assert loss(photo).item() == 0
    loss(photo)
    assert features.calls == 3


def test_a_batch_may_have_one_photo_each(features, pred):
    assert ContentLoss(features, features.layers, pred)(pred).tolist() == [0, 0]
