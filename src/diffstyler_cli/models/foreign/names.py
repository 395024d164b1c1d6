"""What `--photo-model` and `--art-model` name beside the sets' own networks, and whether it is on this machine.

No torch: whoever asks what would run need not load it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...config import ART_MODELS, MachineConfig
from ...errors import UsageError, WeightsError
from ...weights import snapshots
from ...weights.cache import Cache
from ...weights.digest import sha256
from ...weights.references import Reference, parse_reference
from ...weights.settings import Settings
from ...weights.snapshots import Snapshot
from ..cards import PIXEL_SPACE
from ..plugins import Plugin
from ..plugins import networks as plugins
from .folder import NetworkFolder, read_folder

Role = Literal["photo", "art"]
FLAGS: dict[str, str] = {"photo": "--photo-model", "art": "--art-model"}
HERE = "./"
"""How a folder's name begins in a recipe, which says no more of where it was."""


@dataclass(frozen=True)
class Foreign:
    """A network of others for one of the two roles.

    Args:
        reference: where it is from; None for one that an installed package offers, which `plugin` is then.
        folder: what is in its files; None for a plug-in, and where they are not on this machine.
        snapshot: of the cache that they are from; None for a folder of the user's.
    """

    role: Role
    reference: Reference | None = None
    plugin: Plugin | None = None
    folder: NetworkFolder | None = None
    snapshot: Snapshot | None = None

    @property
    def name(self) -> str:
        """As messages and recipes call it."""
        return self.plugin.name if self.plugin is not None else self.reference.name if self.reference else ""

    @property
    def missing(self) -> bool:
        """Whether its files are not on this machine."""
        return self.plugin is None and self.folder is None

    @property
    def revision(self) -> str:
        """The commit, or the version of the package; "" for a folder."""
        return self.snapshot.commit if self.snapshot else self.plugin.version if self.plugin else ""

    @property
    def licence(self) -> str:
        """As its publisher states it; "" where that is not known here."""
        return self.snapshot.licence if self.snapshot else ""

    @property
    def setting(self) -> str:
        """As recipes keep it: what names the same weights again. Of a folder only its own name."""
        if self.reference is None:
            return self.name
        if self.reference.kind == "folder":
            return f"{HERE}{self.name}"
        return f"{self.name}@{self.snapshot.commit}" if self.snapshot else str(self.reference)

    @property
    def source(self) -> str:
        """Where the weights came from, as recipes say it."""
        if self.plugin is not None:
            return self.plugin.source
        if self.snapshot is not None and self.folder is not None:
            file = self.folder.unet.weights.relative_to(self.snapshot.folder).as_posix()
            return f"hub:{self.snapshot.repository}/{file}@{self.snapshot.commit}"
        return f"folder {self.name}"

    def same_weights(self, other: Foreign | None) -> bool:
        """Whether `other` is the very same network."""
        if other is None or self.folder is None or other.folder is None:
            return other is not None and self.plugin is not None and self.plugin == other.plugin
        return self.folder.unet.weights == other.folder.unet.weights

    def hashes(self, largest: int | None = None) -> dict[str, str]:
        """SHA-256 of its files of weights, by "unet", "vae" and so on; of a folder those of at most `largest` bytes."""
        found: dict[str, str] = {}
        for name, part in (self.folder.parts if self.folder is not None else {}).items():
            if self.snapshot is not None:
                found[name] = self.snapshot.files[part.weights.relative_to(self.snapshot.folder).as_posix()][1]
            elif largest is None or part.weights.stat().st_size <= largest:
                found[name] = sha256(part.weights)
        return found

    def missing_error(self) -> WeightsError:
        """The error of a network that is not in the cache."""
        return WeightsError(
            f"The {self.role} network {self.reference} is not in the cache.",
            f"Run diffstyler download {self.reference}.",
        )


def find_foreign(text: str, role: Role, settings: Settings) -> Foreign:
    """The network that `text` names.

    Raises:
        UsageError: it names none, or one that cannot play the role.
        WeightsError: its files are damaged, or of a kind that cannot be read.
    """
    offered = plugins()
    flag = FLAGS[role]
    if text in offered:
        return Foreign(role, plugin=offered[text])
    reference = parse_reference(text, flag, (*(ART_MODELS if role == "art" else ()), *offered))
    snapshot = None
    if reference.kind == "hub":
        snapshot = snapshots.find(Cache(settings.cache), reference)
    place = Path(reference.place).expanduser() if reference.kind == "folder" else snapshot.folder if snapshot else None
    folder = None if place is None else read_folder(place)
    found = Foreign(role, reference, None, folder, snapshot)
    if folder is not None and role == "photo":
        _check_photo(found, folder)
    return found


def check_spaces(photo: Foreign | None, art: Foreign | None) -> None:
    """Raises `UsageError` for two networks that cannot be mixed; None stands for one of the sets' own, on pixels.

    What a plug-in works on is known when it is loaded (`Components.check_space`).
    """
    folders = [each.folder if each is not None else None for each in (photo, art)]
    if any(each is not None and each.folder is None for each in (photo, art)):
        return
    spaces = [PIXEL_SPACE if folder is None else folder.space for folder in folders]
    first, second = folders
    if first is not None and second is not None and not second.space and first.channels == second.channels:
        spaces[1] = spaces[0]  # a U-Net alone is taken to be of the photo network's latents
    if spaces[0] != spaces[1]:
        names = [each.name if each is not None else "the set's own network" for each in (photo, art)]
        raise UsageError(
            f"{names[0]} and {names[1]} cannot be mixed: one works on {spaces[0]}, the other on "
            f"{spaces[1] or 'latents'}.",
            "Choose two networks of one space; docs/networks.md lists them.",
        )
    if second is not None and second.conditional and second.text is None:
        width = None if first is None else first.cond_width
        if width != second.cond_width:
            raise UsageError(
                f"{art.name if art else ''} has no text encoder, and the photo network's does not fit it.",
                "Give the whole pipeline's folder.",
            )


def said(asked: MachineConfig, chosen: MachineConfig, side: int) -> list[str]:
    """What a person is told of networks of others before a run: which they are, and why where nobody named them.

    `side` is that of the pictures which a photo network of others was trained on.
    """
    if chosen.photo_model is not None:
        photo = f"Photo network {short(chosen.photo_model)}, trained on {side} × {side} pixels"
        looks = f"the losses look through the {chosen.loss_models} set's networks"
        return [f"{photo}; art network {short(chosen.art_model or '')}; {looks}"]
    if chosen.art_model is None or chosen.art_model in ART_MODELS:
        return []
    why = ""
    if asked.art_model is None:
        why = ", as wikiart_256 is not in the cache (--art-model wikiart insists on it)"
    return [f"Art network {short(chosen.art_model)}{why}"]


def pinned(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose networks are named as recipes name them, where they are on this machine; all else as it is.

    Raises:
        UsageError: the user's configuration cannot be used.
    """
    from ...weights.settings import read_settings

    found = dict(settings)
    for role, name in (("photo", "photo_model"), ("art", "art_model")):
        text = settings.get(name)
        if isinstance(text, str) and text not in ART_MODELS:
            with suppress(UsageError, WeightsError):  # said when it is loaded
                found[name] = find_foreign(text, "photo" if role == "photo" else "art", read_settings()).setting
    return found


def short(setting: str) -> str:
    """A setting with its commit cut to what a person reads."""
    name, at, revision = setting.partition("@")
    return f"{name}{at}{revision[:7] if len(revision) == 40 else revision}"


def _check_photo(found: Foreign, folder: NetworkFolder) -> None:
    if folder.conditional and folder.text is not None:
        return
    why = "has no text encoder beside it" if folder.conditional else "takes no text"
    raise UsageError(
        f"--photo-model {found.name} {why}, so it cannot be told what to paint.",
        f"It may play the other role: --art-model {found.reference}.",
    )
