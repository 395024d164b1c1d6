"""One row for each diffusion network: what it predicts, at which times and sizes it was trained, what it takes.

Pure data, free to import. The network classes take their facts from here, `inspect` and docs/weights.md show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..config import ART_MODELS, MachineConfig

PIXEL_SPACE = "pixels"


@dataclass(frozen=True)
class NetworkCard:
    """Facts of a diffusion network.

    Args:
        name: what recipes and messages call it.
        role: the part it plays, "photo" or "art".
        set: the model set that it belongs to, or goes with.
        prediction: what it predicts: "v" is the velocity αε − σx₀ (Salimans & Ho 2022), "epsilon" the noise, "sample"
            the picture.
        native_size: side of the square pictures that it was trained on, in pixels.
        multiple: height and width of its input must be divisible by this; the input is pixels or latents.
        t_min, t_max: the times that it was trained on; the pipeline clamps t to them.
        cond_dim: length of its condition embedding; None for an unconditional network.
        channels: of its input and its velocity.
        space: what its input is: "pixels", or the name of the autoencoder whose latents it takes. Only networks of one
            space can be mixed.
        told: what an art network hears that takes a condition: nothing, or the prompts, as the photo network does.
    """

    name: str
    role: Literal["photo", "art"]
    set: Literal["lite", "full"]
    prediction: Literal["v", "epsilon", "sample"]
    native_size: int
    multiple: int
    t_min: float = 0.0
    t_max: float = 1.0
    cond_dim: int | None = None
    channels: int = 3
    space: str = PIXEL_SPACE
    told: Literal["nothing", "prompts"] = "nothing"


DDPM_T_MIN, DDPM_T_MAX = 0.006366144672160749, 0.9957106717323309
"""`diffusion.schedule.T_MIN` and `T_MAX`, the ends of DDPM's linear schedule as times; a test compares them."""

CARDS = (
    NetworkCard("lite-photo", "photo", "lite", "v", 256, 16, 0.0, 1.0, 256),
    NetworkCard("lite-art", "art", "lite", "v", 256, 16, 0.0, 1.0, None),
    NetworkCard("cc12m_1_cfg", "photo", "full", "v", 256, 64, 0.0, 1.0, 512),
    NetworkCard("wikiart_256", "art", "full", "v", 256, 64, DDPM_T_MIN, DDPM_T_MAX, None),
)  # fmt: skip
"""Every network that the package knows how to run."""


def card(name: str) -> NetworkCard:
    """The network of that name. Raises `KeyError` for any other."""
    return {card.name: card for card in CARDS}[name]


def network_names(machine: MachineConfig) -> dict[str, str]:
    """Who plays "photo" and "art" in a run of these settings, which hold no "auto"."""
    own = "lite-photo" if machine.models == "lite" else "cc12m_1_cfg"
    arts = {None: "lite-art", "lite": "lite-art", "cc12m": "cc12m_1_cfg", "wikiart": "wikiart_256"}
    art = "wikiart_256" if machine.art_model is None and machine.models != "lite" else None
    return {
        "photo": machine.photo_model or own,
        "art": art or arts.get(machine.art_model, machine.art_model or ""),
    }


def networks_named(machine: MachineConfig) -> dict[str, dict[str, str]]:
    """The same under "networks", with their revisions, for a document that names those of others; else nothing."""
    others = machine.photo_model is not None or machine.art_model not in (None, *ART_MODELS)
    return {"networks": network_names(machine)} if others else {}
