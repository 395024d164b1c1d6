"""The table of the full-size components: what they are, where they come from, and how to know the right file.

Importing this module costs nothing: no torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..roles import BY_KEY

EYE = "https://the-eye.eu/public/AI/models/v-diffusion"
SAC = "https://raw.githubusercontent.com/crowsonkb/simulacra-aesthetic-models/master/models"


def without_userinfo(text: str) -> str:
    """`text` without the name and password of the web addresses in it."""
    return re.sub(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/?#\s]*@", r"\1", text)


@dataclass(frozen=True)
class Source:
    """One place that a component's file can be had from. The hash decides whether a file is right, not its name.

    Args:
        kind: "hub" where `place` is a repository on the Hugging Face Hub; "url" where it is a web address; "file"
            where it is a folder on this machine.
        place: the repository, address or folder.
        file: name of the file there.
        revision: of a Hub repository: branch, tag or commit.
    """

    kind: Literal["hub", "url", "file"]
    place: str = field(repr=False)
    file: str
    revision: str = "main"

    def __str__(self) -> str:
        """As a person writes it, and as `weights.settings.parse_source` reads it; without name and password."""
        if self.kind == "hub":
            return f"hub:{self.place}/{self.file}" + (f"@{self.revision}" if self.revision != "main" else "")
        return str(Path(self.place) / self.file) if self.kind == "file" else without_userinfo(self.url)

    @property
    def url(self) -> str:
        """The address to ask, with the name and password that it may hold: for the request alone, never to be shown."""
        return f"{self.place}/{self.file}"


@dataclass(frozen=True)
class ComponentSpec:
    """A full-size component.

    Args:
        key: of the role that it plays, `roles.Role.key`.
        name: its proper name, as in messages and recipes.
        sources: in order of trying.
        sha256: of every file that is right, in hexadecimal, or its beginning; empty where only the source knows it.
        size: bytes of the file at the first source, rounded where only that is known.
        cached: bytes that it takes in the cache, roughly.
        licence: of the weights, as their publisher states it.
        parameters: that are loaded (of VGG19: those up to conv5_2).
        halved: whether the cache stores its large tensors as fp16, unless fp32 is asked for.
        own_hash: whether `sha256` is the user's.
    """

    key: str
    name: str
    sources: tuple[Source, ...]
    sha256: tuple[str, ...]
    size: int
    cached: int
    licence: str
    parameters: int
    halved: bool = False
    own_hash: bool = False

    @property
    def role(self) -> str:
        """The part that it plays, in plain words."""
        return BY_KEY[self.key].title

    @property
    def option(self) -> str:
        """The option that supplies a local file."""
        return BY_KEY[self.key].option

    @property
    def file(self) -> str:
        """Name of the file at the first source."""
        return self.sources[0].file

    @property
    def limit(self) -> int:
        """Bytes that no file of it exceeds: `size` is rounded, and that of one source.

        A file whose hash the user has given may hold more beside the weights, such as an optimizer's state.
        """
        return 4 * self.size + (16 << 20) if self.own_hash else self.size + self.size // 2 + (1 << 20)

    def accepts(self, digest: str) -> bool:
        """Whether a file of that SHA-256 is this component's; any is where no hash is known beforehand."""
        return not self.sha256 or any(digest.startswith(known) for known in self.sha256)


FULL = (
    ComponentSpec(
        key="photo",
        name="cc12m_1_cfg",
        sources=(
            Source("hub", "multimodalart/crowsonkb-v-diffusion-cc12m-1-cfg", "cc12m_1_cfg.pth"),
            Source("url", EYE, "cc12m_1_cfg.pth"),
        ),
        sha256=("4fc95ee1b3205a3f7422a07746383776e1dbc367eaf06a5b658ad351e77b7bda",),
        size=2_410_000_000,
        cached=1_210_000_000,
        licence="MIT",
        parameters=602_895_947,
        halved=True,
    ),
    ComponentSpec(
        key="art",
        name="wikiart_256",
        sources=(Source("url", EYE, "wikiart_256.pth"),),
        sha256=("da45c38aa31cd0d2680d29a3aaf2f50537a4146d80bba2ca3e7a18d227d9b627",),
        size=1_160_000_000,
        cached=580_000_000,
        licence="MIT",
        parameters=291_054_347,
        halved=True,
    ),
    ComponentSpec(
        key="clip",
        name="CLIP ViT-B/16",
        sources=(Source("hub", "timm/vit_base_patch16_clip_224.openai", "open_clip_model.safetensors"),),
        sha256=(),  # the Hub itself states it
        size=600_000_000,
        cached=600_000_000,
        licence="Apache-2.0",
        parameters=149_620_737,
    ),
    ComponentSpec(
        key="vgg",
        name="VGG19",
        sources=(
            Source("hub", "timm/vgg19.tv_in1k", "model.safetensors"),
            Source("url", "https://download.pytorch.org/models", "vgg19-dcbb9e9d.pth"),
        ),
        sha256=("11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669", "dcbb9e9d"),
        size=575_000_000,
        cached=62_000_000,
        licence="BSD-3-Clause",
        parameters=15_304_768,
    ),
    ComponentSpec(
        key="aesthetic",
        name="SAC ViT-B/16 linear",
        sources=(Source("url", SAC, "sac_public_2022_06_29_vit_b_16_linear.pth"),),
        sha256=("cdc27b2196565bcb69f2692731084b0189612b98aae74adec033782469ab583c",),
        size=3_111,
        cached=2_200,
        licence="MIT",
        parameters=513,
    ),
)
"""Every component of the full set, one a role."""


def spec(key: str) -> ComponentSpec:
    """The component of that key. Raises `KeyError` for any other."""
    return {component.key: component for component in FULL}[key]


@dataclass(frozen=True)
class NetworkSpec:
    """Networks on the Hub that are known here by a short name (docs/networks.md).

    What is said of them stands on the Hub's public pages; the Hub itself says their files and hashes when it is asked.

    Args:
        name: what a person types.
        repository, revision: on the Hub.
        roles: names of the roles that it may play.
        licence: of the weights, as their publisher states it.
        size: bytes to fetch, rounded.
        what: a few words on it.
    """

    name: str
    repository: str
    revision: str
    roles: tuple[str, ...]
    licence: str
    size: int
    what: str


NETWORKS = (
    NetworkSpec(
        name="wikiart-ddpm",
        repository="johnowhitaker/sd-class-wikiart-from-bedrooms",
        revision="main",
        roles=("art",),
        licence="mit",
        size=455_000_000,
        what="paintings of WikiArt, unconditional, 256 × 256 pixels",
    ),
    NetworkSpec(
        name="sd15",
        repository="stable-diffusion-v1-5/stable-diffusion-v1-5",
        revision="main",
        roles=("photo", "art"),
        licence="creativeml-openrail-m",
        size=4_270_000_000,
        what="Stable Diffusion 1.5: text, 512 × 512 pixels as latents",
    ),
)
"""Networks of others that need not be looked for."""

STAND_IN = NETWORKS[0]
"""Who may play the art role of the full set where its own network cannot be had."""

WEIGHTS_LIMIT = 20 << 30
"""Bytes of a repository's weight file that is fetched; that of Stable Diffusion 1.5 has 3.4 GB."""
CONFIG_LIMIT = 16 << 20
"""Bytes of every other file of it: configurations, and the tables of a tokenizer."""


def network(name: str) -> NetworkSpec | None:
    """The networks of that short name, or of that repository; None where none is known."""
    return next((spec for spec in NETWORKS if name in (spec.name, spec.repository)), None)
