"""Networks of others as `Drawer`s: built by diffusers and transformers, from safetensors alone, and no code of theirs.

Before the libraries allocate anything, each module is built on the meta device, where it takes no memory, and its
parameters are counted: a configuration that asks for more than its file of weights holds is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ...weights.digest import sha256
from ..base import ComponentInfo, Drawer
from ..cards import NetworkCard
from ..choose import Choice
from ..codec import PIXELS, Codec, LatentCodec
from ..discrete import AdaptedNetwork, Prediction
from ..full.captioned import ART_CAPTION, Captioned
from ..full.load import Uninitialised
from .extra import needs_extra
from .folder import NetworkFolder, Part
from .names import Foreign, Role
from .strict import check_names, check_size, quiet, reading

TABLE = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr")
"""What of a scheduler's configuration its table of ᾱ depends on."""


@dataclass(frozen=True)
class Pair:
    """The networks of others of one run, and what recipes record of what comes with them."""

    photo: Drawer | None
    art: Drawer | None
    info: Mapping[str, ComponentInfo] = field(default_factory=dict)


def load_pair(choice: Choice, device: torch.device, dtype: torch.dtype) -> Pair:
    """Loads the networks of others that `choice` names.

    Raises:
        WeightsError: a library is not installed; a file is damaged, or not of its network.
    """
    info: dict[str, ComponentInfo] = {}
    text = None
    photo = art = None
    if choice.photo is not None:
        photo, text = _drawer(choice.photo, "photo", device, dtype, None, info)
    if choice.art is not None:
        if choice.art.same_weights(choice.photo) and photo is not None:
            art = _told(photo, choice.art, choice.photo)
        else:
            art, _ = _drawer(choice.art, "art", device, dtype, text, info, choice.photo)
    return Pair(photo, art, info)


class TextConditioner:
    """What a text-conditioned network is told of a text: the rows of its CLIP text encoder, L×D.

    Texts of more tokens than it takes are cut, as diffusers does.
    """

    def __init__(self, tokenizer: Any, encoder: Any, length: int, width: int) -> None:
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.shape: tuple[int, ...] = (length, width)

    @torch.no_grad()
    def encode(self, texts: list[str]) -> Tensor:
        """K×L×D, float32, where the encoder is."""
        tokens = self.tokenizer(
            texts, padding="max_length", max_length=self.shape[0], truncation=True, return_tensors="pt"
        )
        rows: Tensor = self.encoder(tokens.input_ids.to(self.encoder.device))[0]
        return rows.float()


class _UNet(nn.Module):
    """A U-Net of diffusers as `AdaptedNetwork` calls it, in the dtype of its weights."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
        dtype = next(self.unet.parameters()).dtype
        told = {} if cond is None else {"encoder_hidden_states": cond.to(dtype)}
        out: Tensor = self.unet(x.to(dtype), timestep, **told, return_dict=False)[0]
        return out


def _drawer(
    foreign: Foreign, role: Role, device: torch.device, dtype: torch.dtype, text: TextConditioner | None,
    info: dict[str, ComponentInfo], beside: Foreign | None = None,
) -> tuple[Drawer, TextConditioner | None]:  # fmt: skip
    """The network in that role, and its conditioner.

    Args:
        text: the photo network's conditioner, for a U-Net that has none of its own.
        info: gets what comes with it: the autoencoder (of the photo network) and the text encoder.
        beside: the photo network.
    """
    if foreign.plugin is not None:
        return foreign.plugin(), None
    folder = foreign.folder
    assert folder is not None, "resolve refuses what is missing"
    needs_extra(foreign.name)
    with quiet():
        unet = _diffusers_module(folder.unet)
        if dtype != torch.float32:
            unet.to(dtype)
        if device.type != "mps":  # whose convolutions gain nothing from it
            unet.to(memory_format=torch.channels_last)
        own = None
        if folder.conditional and folder.text is not None and folder.tokenizer is not None:
            own = _conditioner(folder, folder.text, device)
            info["text" if role == "photo" else "art-text"] = _info(foreign, folder.text, own.encoder)
        codec: Codec = PIXELS
        if role == "photo" and folder.vae is not None:
            vae = _diffusers_module(folder.vae)
            tiny = None if folder.tiny is None else _diffusers_module(folder.tiny)
            codec = LatentCodec(vae, folder.scale, folder.shift, tiny=tiny)
            info["codec"] = _info(foreign, folder.vae, vae)
        network = AdaptedNetwork(
            _UNet(unet), _card(foreign, folder, role, beside), _table(folder), _prediction(folder),
            conditioner=own or (text if folder.conditional else None),
        )  # fmt: skip
    return Drawer(network, _info(foreign, folder.unet, unet), codec), own


def _told(photo: Drawer, foreign: Foreign, named: Foreign | None) -> Drawer:
    """The photo network in the art role, told to paint: nothing is loaded or copied."""
    network = photo.network
    if network.conditioner is None:
        raise WeightsError(
            f"{foreign.name} cannot play both roles: it has no text of its own to be told to paint.",
            "Give another network for --art-model.",
        )
    embedding = network.conditioner.encode([ART_CAPTION])[0]
    told = f'{named.name if named else foreign.name}, told "{ART_CAPTION}"'
    facts = photo.info
    info = ComponentInfo(told, facts.parameters, facts.sha256, facts.source, facts.revision, facts.licence)
    return Drawer(Captioned(network, embedding), info, photo.codec)


def _card(foreign: Foreign, folder: NetworkFolder, role: Role, beside: Foreign | None) -> NetworkCard:
    space, factor = folder.space, folder.factor
    if not space and beside is not None and beside.folder is not None:
        space, factor = beside.folder.space, beside.folder.factor
    return NetworkCard(
        foreign.name, role, "full", "epsilon", folder.native_size // folder.factor * factor, folder.multiple, 0.0, 1.0,
        None, folder.channels, space, "prompts" if role == "art" else "nothing",
    )  # fmt: skip


def _info(foreign: Foreign, part: Part, module: nn.Module) -> ComponentInfo:
    """What recipes record of one module."""
    path = part.weights
    known = ""
    source = foreign.source
    if foreign.snapshot is not None:
        name = path.relative_to(foreign.snapshot.folder).as_posix()
        known = foreign.snapshot.files[name][1]
        source = f"hub:{foreign.snapshot.repository}/{name}@{foreign.snapshot.commit}"
    name = foreign.name if part.kind.startswith("UNet") else f"{part.kind} of {foreign.name}"
    count = sum(parameter.numel() for parameter in module.parameters())
    return ComponentInfo(
        name, count, known or sha256(path), source, foreign.revision or None, foreign.licence or None
    )  # fmt: skip


def _table(folder: NetworkFolder) -> Tensor:
    """ᾱ by timestep, as diffusers makes it of the scheduler's configuration."""
    from diffusers import DDPMScheduler

    given = {name: folder.scheduler[name] for name in TABLE if folder.scheduler.get(name) is not None}
    table: Tensor = DDPMScheduler(**given).alphas_cumprod
    return table


def _prediction(folder: NetworkFolder) -> Prediction:
    names: dict[str, Prediction] = {"epsilon": "epsilon", "sample": "sample", "v_prediction": "v_prediction"}
    return names[folder.prediction]


def _diffusers_module(part: Part) -> Any:
    """A module as diffusers reads it, in float32 and eval mode."""
    import diffusers

    kind: Any = getattr(diffusers, part.kind)
    check_size(part, lambda: kind.from_config(dict(part.config)))
    with reading(part), Uninitialised():
        module, found = kind.from_pretrained(
            str(part.folder), use_safetensors=True, local_files_only=True, variant=part.variant,
            torch_dtype=torch.float32, output_loading_info=True,
        )  # fmt: skip
        check_names(part, found)
        return module.eval().requires_grad_(False)


def _conditioner(folder: NetworkFolder, part: Part, device: torch.device) -> TextConditioner:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    assert folder.tokenizer is not None
    check_size(part, lambda: CLIPTextModel(CLIPTextConfig(**dict(part.config))))
    with reading(part):
        encoder, found = CLIPTextModel.from_pretrained(
            str(part.folder), use_safetensors=True, local_files_only=True, variant=part.variant,
            dtype=torch.float32, output_loading_info=True, trust_remote_code=False, attn_implementation="sdpa",
        )  # fmt: skip
        check_names(part, found)
        encoder = encoder.eval().requires_grad_(False).to(device)
    length = int(encoder.config.max_position_embeddings)
    with reading(part, f"{folder.tokenizer} cannot be read as CLIPTokenizer"):
        tokenizer = CLIPTokenizer.from_pretrained(str(folder.tokenizer), local_files_only=True, trust_remote_code=False)
        words = len(tokenizer)
    if words > encoder.config.vocab_size:
        raise WeightsError(
            f"{folder.tokenizer} knows {words:,} words, and its text encoder {encoder.config.vocab_size:,}.",
            "Get the folder again from where it was published.",
        )
    return TextConditioner(tokenizer, encoder, length, int(encoder.config.hidden_size))
