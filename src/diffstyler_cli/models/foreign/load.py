"""Networks of others as `Drawer`s: built by diffusers and transformers, from safetensors alone, and no code of theirs.

Before the libraries allocate anything, each module is built on the meta device, where it takes no memory, and its
parameters are counted: a configuration that asks for more than its file of weights holds is refused.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import OutOfMemoryError, WeightsError, out_of_memory
from ...weights.bounds import cut
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
    with _quiet():
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
    _check_size(part, lambda: kind.from_config(dict(part.config)))
    with _reading(part), Uninitialised():
        module, found = kind.from_pretrained(
            str(part.folder), use_safetensors=True, local_files_only=True, variant=part.variant,
            torch_dtype=torch.float32, output_loading_info=True,
        )  # fmt: skip
        _check_names(part, found)
        return module.eval().requires_grad_(False)


def _conditioner(folder: NetworkFolder, part: Part, device: torch.device) -> TextConditioner:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    assert folder.tokenizer is not None
    _check_size(part, lambda: CLIPTextModel(CLIPTextConfig(**dict(part.config))))
    with _reading(part):
        encoder, found = CLIPTextModel.from_pretrained(
            str(part.folder), use_safetensors=True, local_files_only=True, variant=part.variant,
            dtype=torch.float32, output_loading_info=True, trust_remote_code=False, attn_implementation="sdpa",
        )  # fmt: skip
        _check_names(part, found)
        encoder = encoder.eval().requires_grad_(False).to(device)
    length = int(encoder.config.max_position_embeddings)
    with _reading(part, f"{folder.tokenizer} cannot be read as CLIPTokenizer"):
        tokenizer = CLIPTokenizer.from_pretrained(str(folder.tokenizer), local_files_only=True, trust_remote_code=False)
        words = len(tokenizer)
    if words > encoder.config.vocab_size:
        raise WeightsError(
            f"{folder.tokenizer} knows {words:,} words, and its text encoder {encoder.config.vocab_size:,}.",
            "Get the folder again from where it was published.",
        )
    return TextConditioner(tokenizer, encoder, length, int(encoder.config.hidden_size))


def _check_size(part: Part, build: Any) -> None:
    """Builds the module where it takes no memory; refuses one that is larger than its file, or of other shapes."""
    with _reading(part), torch.device("meta"):
        module = build()
    own = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    wrong = [name for name, shape in own.items() if part.shapes.get(name, shape) != shape]
    if wrong:
        name, more = wrong[0], f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        shapes = [" × ".join(map(str, each)) or "a number" for each in (part.shapes[name], own[name])]
        raise WeightsError(
            f"{part.weights} does not hold the weights of its configuration; {cut(name)} is {shapes[0]}, not "
            f"{shapes[1]}{more}.",
            "Get the folder again from where it was published.",
        )
    wanted = sum(parameter.numel() for parameter in module.parameters())
    if wanted > part.numbers:
        raise WeightsError(
            f"{part.folder / 'config.json'} asks for {wanted:,} numbers, and {part.weights.name} holds "
            f"{part.numbers:,}.",
            "Get the folder again from where it was published.",
        )


def _check_names(part: Part, found: Mapping[str, Any]) -> None:
    """Refuses a file that lacks tensors, or has others: the libraries would fill in what is missing at random."""
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        names = [str(each[0] if isinstance(each, tuple) else each) for each in found.get(kind) or ()]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            what = f"{part.weights} does not hold the weights of its configuration"
            raise WeightsError(
                f"{what}; {kind.partition('_')[0]}: {', '.join(cut(name) for name in names[:3])}{more}.",
                "Get the folder again from where it was published.",
            )


@contextlib.contextmanager
def _reading(part: Part, what: str = "") -> Iterator[None]:
    """Turns whatever the libraries raise at foreign files into a `WeightsError`; `what` is how its message begins."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise OutOfMemoryError(
                f"The memory does not suffice to load {part.weights}.", "Close other programs, or take a smaller one."
            ) from error
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        why = cut(lines[0] if lines else type(error).__name__, 160)
        raise WeightsError(
            f"{what or f'{part.folder} cannot be read as {part.kind}'}: {why.rstrip('.')}.",
            "Get the folder again from where it was published, or save it anew with its own library.",
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the libraries' own advice, bars and warnings from the terminal: what matters is checked here."""
    before = {name: logging.getLogger(name).level for name in ("diffusers", "transformers")}
    from diffusers.utils import logging as theirs
    from transformers.utils import logging as others

    theirs.disable_progress_bar()
    others.disable_progress_bar()
    try:
        for name in before:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
