"""The full-size model set, from local files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from ..config import WeightPaths
from ..errors import WeightsError
from ..weights.load import load_strict, read_state, sha256
from .aesthetic import LinearAesthetic, aesthetic_weights
from .base import ComponentInfo, Components, VelocityNetwork
from .cc12m import CC12M
from .clip import ClipEncoder, clip_weights
from .registry import FULL, ComponentSpec, find_local, spec
from .unet import store_in
from .vgg import Vgg19Features, vgg_weights
from .wikiart import WikiArt


def missing_full(paths: WeightPaths) -> list[ComponentSpec]:
    """The components of the full set for which `paths` names no existing file."""
    return [component for component in FULL if find_local(component, paths) is None]


def missing_error(missing: Sequence[ComponentSpec], paths: WeightPaths) -> WeightsError:
    """One error that names every missing component and the options that supply them."""

    def what(component: ComponentSpec) -> str:
        path: Path | None = getattr(paths, component.key)
        return f"{component.role} {component.name} ({f'no file at {path}' if path else 'no file given'})"

    options = " ".join(f"{component.option} PATH" for component in missing)
    return WeightsError(
        f"The full models are incomplete; missing: {', '.join(map(what, missing))}.",
        f"Give {options}, or use the built-in models with --models lite.",
    )


def load_full(paths: WeightPaths, device: torch.device | str, dtype: torch.dtype = torch.float32) -> Components:
    """Loads the five full-size components, ready for inference: eval mode, no parameter requires a gradient.

    The diffusion networks are stored and run in `dtype`; the encoder, the content features and the regressor stay
    float32. Whatever the dtype, what goes in and comes out is float32.

    Raises:
        WeightsError: a file is missing (all that are, in one message), unreadable, or not that component's.
    """
    if missing := missing_full(paths):
        raise missing_error(missing, paths)
    files = {component.key: path for component in FULL if (path := find_local(component, paths)) is not None}

    encoder, features, aesthetic = ClipEncoder(), Vgg19Features(), LinearAesthetic()
    load_strict(aesthetic, aesthetic_weights(read_state(files["aesthetic"])), _what("aesthetic", files))
    load_strict(features, vgg_weights(read_state(files["vgg"])), _what("vgg", files))
    load_strict(encoder.model, clip_weights(read_state(files["clip"])), _what("clip", files))
    with torch.device("meta"):
        photo, art = CC12M(), WikiArt()
    for key, network in (("art", art), ("photo", photo)):
        _load_network(network, files[key], _what(key, files), device, dtype)
    for module in (encoder, features, aesthetic):
        _freeze(module).to(device)
    return Components(
        name="full",
        photo=photo,
        art=art,
        encoder=encoder,
        features=features,
        aesthetic=aesthetic,
        info={
            role: ComponentInfo(spec(key).name, spec(key).parameters, sha256(files[key]), files[key].name)
            for role, key in (
                ("photo", "photo"),
                ("art", "art"),
                ("encoder", "clip"),
                ("features", "vgg"),
                ("aesthetic", "aesthetic"),
            )
        },
    )


def _load_network(
    network: VelocityNetwork, file: Path, what: str, device: torch.device | str, dtype: torch.dtype
) -> None:
    load_strict(network, read_state(file), what)
    store_in(network, dtype)  # before the move, so that the device never holds both copies
    _freeze(network).to(device)
    if torch.device(device).type != "mps":  # whose convolutions gain nothing from it
        network.to(memory_format=torch.channels_last)


def _freeze(module: nn.Module) -> nn.Module:
    return module.eval().requires_grad_(False)


def _what(key: str, files: dict[str, Path]) -> str:
    return f"{files[key].name} as the {spec(key).role} {spec(key).name}"
