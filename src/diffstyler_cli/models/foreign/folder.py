"""What is in a folder of diffusers' format: which network, of which space, trained how; and which files that takes.

No torch, no diffusers: `choose` asks it before anything is loaded. Three layouts are known: a pipeline (unet/,
scheduler/ and, for latents, vae/, text_encoder/, tokenizer/), one of an unconditional network whose files lie beside
model_index.json, and the folder of a U-Net alone with its scheduler_config.json.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ...errors import WeightsError
from ...weights.bounds import check, cut
from ..cards import PIXEL_SPACE
from .configs import class_of, read_config, refused
from .layout import TEXT_WEIGHTS, WEIGHTS, needed, root_of, scheduler_of, weights_of

NETWORKS = ("UNet2DModel", "UNet2DConditionModel")
AUTOENCODERS = ("AutoencoderKL", "AutoencoderTiny")
TEXT_ENCODERS = ("CLIPTextModel",)
SCHEDULERS = tuple(
    f"{name}Scheduler"
    for name in (
        "DDPM", "DDIM", "DDIMInverse", "DDPMParallel", "DDIMParallel", "PNDM", "LMSDiscrete", "EulerDiscrete",
        "EulerAncestralDiscrete", "HeunDiscrete", "KDPM2Discrete", "KDPM2AncestralDiscrete", "DPMSolverMultistep",
        "DPMSolverMultistepInverse", "DPMSolverSinglestep", "DPMSolverSDE", "DEISMultistep", "UniPCMultistep", "LCM",
    )
)  # fmt: skip
"""Whose table of ᾱ is that of DDPM; which of them it is does not matter, as only the table is read."""
PREDICTIONS = ("epsilon", "sample", "v_prediction")
SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid")

FURTHER = (
    "addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim", "encoder_hid_dim_type",
    "time_cond_proj_dim",
)  # fmt: skip
"""Keys of what a network takes beside noise, a time and a text."""

NATIVE_LATENTS, NATIVE_PIXELS = 64, 256
"""Sides of what a network was trained on where its configuration does not say."""


@dataclass(frozen=True)
class Part:
    """One module of a folder: its class, configuration, and file of weights."""

    folder: Path
    kind: str
    config: Mapping[str, Any]
    weights: Path
    variant: str | None
    """Of the file's name: "fp16", or None."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of the tensors in the file."""

    @property
    def numbers(self) -> int:
        """In all tensors of the file."""
        return sum(math.prod(shape) for shape in self.shapes.values())


@dataclass(frozen=True)
class NetworkFolder:
    """A folder that can be loaded."""

    path: Path
    unet: Part
    scheduler: Mapping[str, Any]
    vae: Part | None = None
    tiny: Part | None = None
    """A decoder of the TAESD kind beside the autoencoder, as vae_tiny/."""
    text: Part | None = None
    tokenizer: Path | None = None

    @property
    def conditional(self) -> bool:
        """Whether it takes a text."""
        return self.unet.kind == "UNet2DConditionModel"

    @property
    def channels(self) -> int:
        """Of its input."""
        return int(self.unet.config.get("in_channels", 4 if self.conditional else 3))

    @property
    def factor(self) -> int:
        """Pixels a side of one of its places."""
        if self.vae is not None:
            return 1 << (len(self.vae.config["block_out_channels"]) - 1)
        return 1 if self.channels == 3 else 8

    @property
    def scale(self) -> float:
        """Of the latents."""
        return float(self.vae.config.get("scaling_factor") or 0.18215) if self.vae else 1.0

    @property
    def shift(self) -> float:
        """Of the latents, before they are scaled."""
        return float(self.vae.config.get("shift_factor") or 0.0) if self.vae else 0.0

    @property
    def space(self) -> str:
        """What its input is, by name: pixels, or latents of that kind; "" for a U-Net alone that takes latents."""
        if self.channels == 3:
            return PIXEL_SPACE
        if self.vae is None:
            return ""
        shift = f", shift {self.shift:g}" if self.shift else ""
        return f"latents of {self.channels} channels, scale {self.scale:g}{shift}"

    @property
    def multiple(self) -> int:
        """Height and width of its input must be divisible by this."""
        return 1 << (len(self.unet.config["block_out_channels"]) - 1)

    @property
    def native_size(self) -> int:
        """Side of the square pictures that it was trained on, in pixels."""
        side = self.unet.config.get("sample_size")
        side = side[0] if isinstance(side, list) and side else side
        default = NATIVE_PIXELS if self.channels == 3 else NATIVE_LATENTS
        return (side if isinstance(side, int) and side > 0 else default) * self.factor

    @property
    def prediction(self) -> str:
        """What it predicts, in diffusers' words."""
        return str(self.scheduler.get("prediction_type", "epsilon"))

    @property
    def cond_width(self) -> int | None:
        """Of the rows of the text that it takes; None for an unconditional one."""
        return int(self.unet.config.get("cross_attention_dim") or 1280) if self.conditional else None

    @property
    def parts(self) -> dict[str, Part]:
        """Its modules, by what they are."""
        named = {"unet": self.unet, "vae": self.vae, "vae_tiny": self.tiny, "text_encoder": self.text}
        return {name: part for name, part in named.items() if part is not None}


def read_folder(path: Path) -> NetworkFolder:
    """What is in a folder: its configurations and the headers of its weights, all within bounds.

    A folder called unet inside a pipeline stands for the pipeline.

    Raises:
        WeightsError: it is not in diffusers' format, has pickles only, is damaged, or can play no role.
    """
    if path.name == "unet" and (path.parent / "model_index.json").is_file():
        path = path.parent
    try:
        there = {p.relative_to(path).as_posix() for p in (*path.glob("*"), *path.glob("*/*")) if p.is_file()}
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read: {error.strerror or error}.", "Check that it is a folder you may read."
        ) from error
    try:
        wanted = needed(there)
    except WeightsError as error:
        why = error.message[:1].lower() + error.message[1:].rstrip(".")
        raise WeightsError(f"{path} cannot be used: {why}.", error.advice) from None
    found = set(wanted)
    unet = _part(path, root_of(there), NETWORKS, found)
    scheduler_file = path / scheduler_of(there)
    scheduler = read_config(scheduler_file)
    _check_scheduler(scheduler_file, scheduler)
    _check_unet(unet)
    vae = _part(path, "vae/", AUTOENCODERS[:1], found) if "vae/config.json" in found else None
    tiny = _part(path, "vae_tiny/", AUTOENCODERS[1:], found) if "vae_tiny/config.json" in found else None
    text = _part(path, "text_encoder/", TEXT_ENCODERS, found, "architectures") if _has_text(found) else None
    if vae is not None:
        _check_list(vae, "block_out_channels")
    folder = NetworkFolder(path, unet, scheduler, vae, tiny, text, path / "tokenizer" if text is not None else None)
    _check_together(folder)
    return folder


def _has_text(found: set[str]) -> bool:
    return "text_encoder/config.json" in found


def _part(path: Path, folder: str, known: tuple[str, ...], found: set[str], key: str = "_class_name") -> Part:
    config_file = path / f"{folder}config.json"
    config = read_config(config_file)
    kind = class_of(config_file, config, known, key)
    stem = TEXT_WEIGHTS if known is TEXT_ENCODERS else WEIGHTS
    name = weights_of(found, folder, stem)
    file = path / name
    variant = "fp16" if name.endswith(".fp16.safetensors") else None
    return Part(path / folder, kind, config, file, variant, _shapes(file))


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors of a safetensors file, by its header."""
    try:
        with file.open("rb") as start:
            if start.read(9)[8:] != b"{":
                raise WeightsError(f"{file} is no safetensors file.", "Get the folder again from where it is from.")
        check(file)
        with safe_open(file, "np") as opened:
            names = opened.keys()
            return {name: tuple(opened.get_slice(name).get_shape()) for name in names}
    except (OSError, SafetensorError) as error:
        why = cut(next(iter(str(error).splitlines()), ""), 160)
        raise WeightsError(f"{file} is damaged: {why}.", "Get the folder again from where it is from.") from error


def _check_list(part: Part, key: str) -> None:
    value = part.config.get(key)
    if not isinstance(value, list) or not value or not all(type(each) is int and each > 0 for each in value):
        raise refused(part.folder / "config.json", f"it has no list {key} of whole numbers")


def _check_unet(part: Part) -> None:
    file, config = part.folder / "config.json", part.config
    _check_list(part, "block_out_channels")
    channels = config.get("in_channels", 3)
    if type(channels) is not int or not 1 <= channels <= 64:
        raise refused(file, f"in_channels is {cut(channels)}")
    if config.get("out_channels", channels) != channels:
        raise refused(
            file, f"it takes {channels} channels and gives {cut(config['out_channels'])}; there must be as many"
        )
    further = [key for key in FURTHER if config.get(key) is not None]
    if further:
        raise refused(file, f"it takes more than {'a text' if 'Condition' in part.kind else 'noise'} ({further[0]})")
    width = config.get("cross_attention_dim")
    if width is not None and type(width) is not int:
        raise refused(file, "cross_attention_dim is not one number")


def _check_scheduler(file: Path, config: Mapping[str, Any]) -> None:
    class_of(file, config, SCHEDULERS)
    if (prediction := config.get("prediction_type", "epsilon")) not in PREDICTIONS:
        raise refused(file, f"prediction_type {cut(prediction)} is not one of {', '.join(PREDICTIONS)}")
    betas = config.get("trained_betas")
    if betas is not None and not (
        isinstance(betas, list) and len(betas) >= 2 and all(type(b) in (int, float) and 0 < b < 1 for b in betas)
    ):
        raise refused(file, "trained_betas is no list of numbers between 0 and 1")
    if betas is None and (kind := config.get("beta_schedule", "linear")) not in SCHEDULES:
        raise refused(file, f"beta_schedule {cut(kind)} is not one of {', '.join(SCHEDULES)}")
    steps = config.get("num_train_timesteps", 1000)
    if type(steps) is not int or not 2 <= steps <= 10_000:
        raise refused(file, f"num_train_timesteps is {cut(steps)}")
    ends = [config.get("beta_start", 0.0001), config.get("beta_end", 0.02)]
    if not all(type(b) in (int, float) and 0 < b < 1 for b in ends) or ends[0] > ends[1]:
        raise refused(file, "beta_start and beta_end are not two rising numbers between 0 and 1")


def _check_together(folder: NetworkFolder) -> None:
    unet, vae, text = folder.unet, folder.vae, folder.text
    if vae is not None and vae.config.get("latent_channels", 4) != folder.channels:
        raise refused(
            unet.folder / "config.json",
            f"it takes {folder.channels} channels, and the latents of its autoencoder have "
            f"{cut(vae.config.get('latent_channels', 4))}",
        )
    if vae is not None and vae.config.get("latents_mean") is not None:
        raise refused(vae.folder / "config.json", "its latents have a mean and a deviation a channel")
    if text is not None and folder.conditional and text.config.get("hidden_size", 512) != folder.cond_width:
        raise refused(
            unet.folder / "config.json",
            f"it takes text in rows of {folder.cond_width}, and its text encoder makes rows of "
            f"{cut(text.config.get('hidden_size', 512))}",
        )
