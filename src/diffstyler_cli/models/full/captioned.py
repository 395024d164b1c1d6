"""A conditioned network held to one caption: how the photo network plays the art role (`--art-model cc12m`)."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from ..base import VelocityNetwork

ART_CAPTION = "a painting by a famous artist, hanging in an art museum"
"""What the photo network is told to paint where the art network is missing."""


class Captioned(VelocityNetwork):
    """v(x, t) of `network` under one embedding. The weights are the network's own: nothing is copied.

    Args:
        network: a conditioned network.
        embedding: of the caption, as the network takes one: (D,), or L×D.
    """

    def __init__(self, network: VelocityNetwork, embedding: Tensor) -> None:
        super().__init__(dataclasses.replace(network.card, role="art", cond_dim=None))
        self.network = network
        self.embedding: Tensor
        self.register_buffer("embedding", embedding, persistent=False)

    @property
    def asked_at(self) -> tuple[float, float]:
        """As the network."""
        return self.network.asked_at

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        t = self.check_inputs(x, t, cond)
        v: Tensor = self.network(x, t, self.embedding.expand(x.shape[0], *self.embedding.shape))
        return v
