"""The full-size model set: its files found, checked, converted for the cache, and loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...roles import BY_KEY, ROLES
from ...weights.digest import sha256
from ...weights.load import check_strict, load_file_strict, read_state
from ...weights.registry import ComponentSpec, spec
from ...weights.settings import Settings
from ..aesthetic import LinearAesthetic, aesthetic_weights
from ..base import ComponentInfo, Components, VelocityNetwork
from ..clip import ClipEncoder, clip_weights
from ..lite.load import load_lite
from .captioned import ART_CAPTION, Captioned
from .cc12m import CC12M
from .files import LocalFile, find_full, missing_error
from .unet import FourierFeatures
from .vgg import Vgg19Features, vgg_weights
from .wikiart import WikiArt

SMALL = 4096
"""Tensors of at most so many numbers (biases, norms, frequencies) are never stored as fp16: it would save nothing."""
FP16_MAX = 65504.0

T = TypeVar("T")


# --- loading ---------------------------------------------------------------------------------------------------------
def load_full(
    settings: Settings,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    art_model: str = "wikiart",
    lite_art: Path | None = None,
) -> Components:
    """Loads the full-size components, ready for inference: eval mode, no parameter requires a gradient.

    The diffusion networks are stored and run in `dtype`; the encoder, the content features and the regressor stay
    float32. Whatever the dtype, what goes in and comes out is float32.

    Args:
        art_model: who plays the art role: "wikiart"; "cc12m", the photo network under `ART_CAPTION`; or "lite", the
            built-in art network, or the lite one in the file `lite_art`.

    Raises:
        WeightsError: a file is missing (all that are, in one message), unreadable, or not that component's.
    """
    files, missing = find_full(settings, art_model)
    if missing:
        raise missing_error(missing, settings)
    modules, info = load_files(files, device, dtype)
    art: VelocityNetwork
    if art_model == "cc12m":
        art = Captioned(modules["photo"], modules["clip"].encode_text([ART_CAPTION])[0])
        info["art"] = dataclasses.replace(info["photo"], name=f'{info["photo"].name}, told "{ART_CAPTION}"')
    elif art_model == "lite":
        lite = load_lite(device, files={"art": lite_art} if lite_art else None)
        art, info["art"] = lite.art, lite.info["art"]
    else:
        art = modules["art"]
    return Components(
        name="full",
        photo=modules["photo"],
        art=art,
        encoder=modules["clip"],
        features=modules["vgg"],
        aesthetic=modules["aesthetic"],
        info={role.name: info[role.name] for role in ROLES},
    )


def load_files(
    files: Mapping[str, LocalFile], device: torch.device | str, dtype: torch.dtype
) -> tuple[dict[str, Any], dict[str, ComponentInfo]]:
    """The components of these files by key, ready for inference, and by role what recipes record of them.

    Raises:
        WeightsError: a file is unreadable, or not that component's.
    """
    modules: dict[str, Any] = {key: build(key) for key in files}
    for key, file in files.items():
        what = f"{file.path.name} as the {spec(key).role} {spec(key).name}"
        place = _place(modules[key], device, dtype)
        load_file_strict(weights_of(key, modules[key]), file.path, what, SELECT[key], place)
        modules[key].eval().requires_grad_(False).to(device)
    info = {
        BY_KEY[key].name: ComponentInfo(
            spec(key).name,
            spec(key).parameters,
            file.sha256 or sha256(file.path),
            file.source,
            licence=spec(key).licence if file.sha256 else None,
        )
        for key, file in files.items()
    }
    return modules, info


def build(key: str) -> nn.Module:
    """The component's module at full size, its weights not there yet."""
    if key in ("photo", "art"):
        with torch.device("meta"):
            return CC12M() if key == "photo" else WikiArt()
    makers: dict[str, Callable[[], nn.Module]]
    makers = {"clip": ClipEncoder, "vgg": Vgg19Features, "aesthetic": LinearAesthetic}
    with Uninitialised():
        return makers[key]()


def weights_of(key: str, module: Any) -> nn.Module:
    """The part of a component's module whose names are those of the files."""
    part: nn.Module = module.model if key == "clip" else module
    return part


class Uninitialised(TorchFunctionMode):
    """Leaves out the random draws of new modules: their weights come from a file at once."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))


def _place(module: nn.Module, device: torch.device | str, dtype: torch.dtype) -> Callable[[str, Tensor], Tensor]:
    """Where and how a tensor of `module` is kept: of a diffusion network in `dtype`, channels last, but for MPS."""
    if not isinstance(module, VelocityNetwork):
        return lambda name, tensor: tensor.to(device, torch.float32)
    # rounding the Fourier frequencies would shift the phases
    exact = {f"{name}.weight" for name, m in module.named_modules() if isinstance(m, FourierFeatures)}
    last = torch.device(device).type != "mps"  # whose convolutions gain nothing from it

    def place(name: str, tensor: Tensor) -> Tensor:
        layout = torch.channels_last if last and tensor.ndim == 4 else torch.preserve_format
        kept = torch.float32 if name in exact else dtype
        return tensor.to(device, kept, memory_format=layout, copy=True)  # or it would keep all of its lot in memory

    return place


# --- converting ------------------------------------------------------------------------------------------------------
def convert(component: ComponentSpec, original: Path, destination: Path, dtype: str) -> None:
    """Writes what the component needs of an original file as safetensors.

    Args:
        dtype: "fp16" stores large tensors of the diffusion networks so, if they fit; "fp32" keeps all as they are.

    Raises:
        WeightsError: the file cannot be read or does not hold the component's tensors.
    """
    state = SELECT[component.key](read_state(original))
    name = component.file if original.suffix == ".part" else original.name
    what = f"{name} as the {component.role} {component.name}"
    check_strict(weights_of(component.key, build(component.key)), state, what)
    halve = dtype == "fp16" and component.halved
    tensors = {name: (_halved(tensor) if halve else tensor).contiguous() for name, tensor in state.items()}
    save_file(tensors, destination, {"format": "pt", "component": component.name})


def _halved(tensor: Tensor) -> Tensor:
    fits = tensor.numel() > SMALL and tensor.is_floating_point() and tensor.abs().max() <= FP16_MAX
    return tensor.half() if fits else tensor


def _all(state: Mapping[str, T]) -> dict[str, T]:
    return dict(state)


SELECT = {"photo": _all, "art": _all, "clip": clip_weights, "vgg": vgg_weights, "aesthetic": aesthetic_weights}
"""What each component takes of its file, under its own names."""
