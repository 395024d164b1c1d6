"""The one answer to which model set runs: what "auto" means here, for whoever loads and for whoever asks.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from ..config import ART_MODELS
from ..errors import UsageError, WeightsError
from ..roles import ROLES
from ..weights import snapshots
from ..weights.bounds import check
from ..weights.cache import Cache
from ..weights.references import parse_reference
from ..weights.registry import STAND_IN, ComponentSpec
from ..weights.settings import Settings
from .cards import PIXEL_SPACE
from .foreign.extra import absent
from .foreign.names import Foreign, check_spaces, find_foreign
from .full.files import LocalFile, find_full
from .lite.architecture import SET

SD15 = "sd15"
"""The set whose photo network is that of the registry."""


@dataclass(frozen=True)
class Choice:
    """What is to be loaded.

    Args:
        set: the model set, whose defaults the settings have.
        art_model: who plays the art role, as recipes keep it; None for the lite set's own.
        lite_files: by key, lite components in the place of built-in ones.
        full_files: by key, the files of the full set that are there.
        missing: components of the full set that are not; loading fails if there are any.
        photo, art: networks of others in those roles.
        loss_models: whose networks the losses look through, beside a photo network of others; else None.
    """

    set: Literal["lite", "full"]
    art_model: str | None = None
    lite_files: Mapping[str, Path] = field(default_factory=dict)
    full_files: Mapping[str, LocalFile] = field(default_factory=dict)
    missing: tuple[ComponentSpec, ...] = ()
    photo: Foreign | None = None
    art: Foreign | None = None
    loss_models: Literal["lite", "full"] | None = None

    @property
    def photo_model(self) -> str | None:
        """Who plays the photo role, as recipes keep it; None for the set's own."""
        return None if self.photo is None else self.photo.setting

    @property
    def foreign(self) -> list[Foreign]:
        """The networks of others in it."""
        return [each for each in (self.photo, self.art) if each is not None]


def choose(
    settings: Settings,
    models: str = "auto",
    art_model: str | None = None,
    given: Mapping[str, Path] | None = None,
    *,
    photo_model: str | None = None,
    loss_models: str | None = None,
) -> Choice:
    """Which set `models`, `photo_model` and `art_model` name, with these files.

    "auto" takes lite where all files that `settings` names are lite components; else full where files are named or a
    network is, for what was named is never ignored; else full if nothing of it is missing, and lite otherwise. Where
    the full set's art network is not there, and nobody named another, `STAND_IN` plays its role if it is in the cache.

    Args:
        models, photo_model, art_model, loss_models: as `MachineConfig`, which checks them.
        settings: places and files in force; `settings.paths` includes `given`.
        given: files by key that were named for this very run, by options: an error where they would do nothing.

    Raises:
        UsageError: a network for a set that has its own, two that cannot be mixed, a file that would do nothing.
        WeightsError: the files of a network of others are damaged, or of a kind that cannot be read.
    """
    given = given or {}
    if models == SD15:
        photo_model, art_model = _of_sd15(photo_model, art_model)
    lite_files = {key: path for key, path in settings.paths.items() if is_lite(path)}
    art = None if art_model is None or art_model in ART_MODELS else find_foreign(art_model, "art", settings)
    _check_files(given, photo_model, art_model if art is not None else None)
    if photo_model is not None:
        return _with_photo(settings, models, photo_model, art_model, art, loss_models, lite_files)
    if loss_models is not None:
        raise UsageError(
            "--loss-models has no effect without --photo-model: the losses look through the set's own networks.",
            "Leave it out.",
        )
    named = art_model is not None
    if models == "lite" or (models == "auto" and not named and _all_lite(settings, lite_files)):
        if named and art is None:
            raise UsageError(
                f"--art-model is for the full set: the lite one has a single art network, and {art_model} is none of "
                "another kind.",
                "Leave --art-model out, or use --models full.",
            )
        check_spaces(None, art)
        # a file of another kind that an option names is an error when it is loaded; one that the configuration names
        # is for the full set
        return Choice("lite", art.setting if art else None, {**lite_files, **given}, art=art)
    own = (art_model or ART_MODELS[0]) if art is None else ""
    if "art" in given and (own == "cc12m" or (own == "lite" and "art" not in lite_files)):
        raise UsageError(
            f"--art-weights has no effect with --art-model {own}"
            + (", which takes what the lite training wrote." if own == "lite" else "."),
            "Leave one of them out.",
        )
    files, missing = find_full(settings, own)
    if not named and [spec.key for spec in missing].count("art") and "art" not in settings.paths:
        stand_in = _stand_in(settings, whatever=models == "full")
        if stand_in is not None:
            art, missing = stand_in, [spec for spec in missing if spec.key != "art"]
    if models == "full" or named or settings.paths or not missing:
        check_spaces(None, art)
        own_art = {"art": lite_files["art"]} if own == "lite" and "art" in lite_files else {}
        return Choice("full", art.setting if art else own, own_art, files, tuple(missing), art=art)
    return Choice("lite", missing=tuple(missing))


def is_lite(path: Path) -> bool:
    """Whether a file says of itself that it holds a component of the lite set."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as start:
            if start.read(9)[8:] != b"{":  # no safetensors file
                return False
        check(path)
        with safe_open(path, "np") as file:
            return (file.metadata() or {}).get("models") == SET
    except (OSError, SafetensorError, WeightsError):
        return False


def _with_photo(
    settings: Settings, models: str, photo_model: str, art_model: str | None, art: Foreign | None,
    loss_models: str | None, lite_files: Mapping[str, Path],
) -> Choice:  # fmt: skip
    """The choice where the photo network is one of others."""
    if models == "lite":
        raise UsageError(
            "--photo-model has no effect with --models lite, which has a photo network of its own.",
            "Give --models full, or leave --photo-model out.",
        )
    photo = find_foreign(photo_model, "photo", settings)
    if art_model == "cc12m":
        raise UsageError(
            "--art-model cc12m is the full set's photo network, which --photo-model takes the place of.",
            f"Give --art-model {photo_model}, which is then told to paint, or another network of its space.",
        )
    if art_model is None:
        if photo.folder is not None and photo.folder.space != PIXEL_SPACE:
            raise UsageError(
                f"{photo.name} works on {photo.folder.space}, and there is no art network for them by default.",
                "Name one, such as a fine-tune of it on the Hub: --art-model OWNER/NAME; or "
                f"--art-model {photo_model}, which is then told to paint.",
            )
        art_model = ART_MODELS[0]
    check_spaces(photo, art)
    own = "" if art is not None else art_model
    files, missing = find_full(settings, own, photo=False)
    looked_through = ("clip", "vgg", "aesthetic")
    whole = not any(spec.key in looked_through for spec in missing)
    theirs = [path for key, path in settings.paths.items() if key in looked_through and path not in lite_files.values()]
    losses: Literal["lite", "full"]
    losses = "full" if loss_models == "full" or (loss_models is None and (whole or theirs)) else "lite"
    if losses == "lite":
        files = {key: file for key, file in files.items() if key not in looked_through}
        missing = [spec for spec in missing if spec.key not in looked_through]
    return Choice(
        "full", art.setting if art else art_model, lite_files, files, tuple(missing), photo, art, losses
    )  # fmt: skip


def _of_sd15(photo_model: str | None, art_model: str | None) -> tuple[str, str]:
    if photo_model is not None:
        raise UsageError(
            f"--models {SD15} has a photo network of its own, beside which --photo-model would have no effect.",
            "Leave one of them out.",
        )
    if art_model is None:
        raise UsageError(
            f"--models {SD15} has no art network by default: which fine-tune it is, and its licence, is your choice.",
            "Give --art-model OWNER/NAME, a fine-tune of Stable Diffusion 1.x on the Hub; or "
            f"--art-model {SD15}, which is then told to paint.",
        )
    return SD15, art_model


def _stand_in(settings: Settings, whatever: bool) -> Foreign | None:
    """Who plays the art role where the full set's own network is not there; None where nobody in the cache can.

    `whatever` is missing to run it: then the error that says so is the answer.
    """
    if snapshots.find(Cache(settings.cache), parse_reference(STAND_IN.name)) is None:
        return None
    return find_foreign(STAND_IN.name, "art", settings) if whatever or not absent() else None


def _check_files(given: Mapping[str, Path], photo_model: str | None, art_model: str | None) -> None:
    """Raises `UsageError` for a file of a role that a network of others plays."""
    options = {role.key: role.option for role in ROLES}
    for key, model in (("photo", photo_model), ("art", art_model)):
        if key in given and model is not None:
            raise UsageError(f"{options[key]} has no effect with --{key}-model {model}.", "Leave one of them out.")


def _all_lite(settings: Settings, lite_files: Mapping[str, Path]) -> bool:
    return bool(settings.paths) and len(lite_files) == len(settings.paths)
