from __future__ import annotations

import torch

from diffstyler_cli.losses.tv import total_variation


def test_total_variation_is_the_reference(golden, stream):
    value = total_variation(stream("loss/im", 2, 3, 16, 16))
    torch.testing.assert_close(value, torch.tensor(golden["losses"]["tv"]), atol=1e-6, rtol=1e-6)


def test_a_flat_picture_has_none():
    assert total_variation(torch.full((1, 3, 4, 5), 0.3)).item() == 0


def test_a_single_pixel_has_none():
    assert total_variation(torch.ones(1, 3, 1, 1)).item() == 0


def test_turning_the_picture_does_not_matter(stream):
    x = stream("loss/im", 2, 3, 16, 16)
    torch.testing.assert_close(total_variation(x.mT), total_variation(x))
