from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from diffstyler_cli.models.aesthetic import LinearAesthetic, aesthetic_weights
from diffstyler_cli.weights.load import load_strict


@pytest.mark.parametrize("prefix", ["linear.", ""])
def test_rating_is_linear_in_the_embedding_of_length_root_d(prefix: str) -> None:
    weight, bias, e = torch.randn(1, 512), torch.tensor([5.5]), F.normalize(torch.randn(3, 512), dim=1)
    model = LinearAesthetic()
    load_strict(model, aesthetic_weights({f"{prefix}weight": weight, f"{prefix}bias": bias}), "the regressor")
    rating = model(e)
    assert rating.shape == (3,)
    assert torch.allclose(rating, (e * 512**0.5) @ weight[0] + 5.5, atol=1e-4)
    assert model.parameter_count == 513
