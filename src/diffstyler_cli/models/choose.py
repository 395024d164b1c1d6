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
from ..weights.bounds import check
from ..weights.registry import ComponentSpec
from ..weights.settings import Settings
from .full.files import LocalFile, find_full
from .lite.architecture import SET


@dataclass(frozen=True)
class Choice:
    """What is to be loaded.

    Args:
        set: the model set.
        art_model: who plays the art role of the full set; None for the lite one.
        lite_files: by key, lite components in the place of built-in ones.
        full_files: by key, the files of the full set that are there.
        missing: components of the full set that are not; loading fails if there are any.
    """

    set: Literal["lite", "full"]
    art_model: str | None = None
    lite_files: Mapping[str, Path] = field(default_factory=dict)
    full_files: Mapping[str, LocalFile] = field(default_factory=dict)
    missing: tuple[ComponentSpec, ...] = ()


def choose(
    settings: Settings, models: str = "auto", art_model: str | None = None, given: Mapping[str, Path] | None = None
) -> Choice:
    """Which set `models` and `art_model` name, with these files.

    "auto" takes lite where all files that `settings` names are lite components; else full where files are named or an
    art model is, for what was named is never ignored; else full if nothing of it is missing, and lite otherwise.

    Args:
        models, art_model: as `MachineConfig`, which checks them.
        settings: places and files in force; `settings.paths` includes `given`.
        given: files by key that were named for this very run, by options: an error where they would do nothing.

    Raises:
        UsageError: an art model for the lite set, a file that would do nothing.
    """
    art = art_model or ART_MODELS[0]
    given = given or {}
    lite_files = {key: path for key, path in settings.paths.items() if is_lite(path)}
    if models == "lite" or (models == "auto" and not art_model and _all_lite(settings, lite_files)):
        if art_model:
            raise UsageError(
                "--art-model is for the full set: the lite one has a single art network.",
                "Leave --art-model out, or use --models full.",
            )
        # a file of another kind that an option names is an error when it is loaded; one that the configuration names
        # is for the full set
        return Choice("lite", lite_files={**lite_files, **given})
    if "art" in given and (art == "cc12m" or (art == "lite" and "art" not in lite_files)):
        raise UsageError(
            f"--art-weights has no effect with --art-model {art}"
            + (", which takes what the lite training wrote." if art == "lite" else "."),
            "Leave one of them out.",
        )
    files, missing = find_full(settings, art)
    if models == "full" or art_model or settings.paths or not missing:
        own_art = {"art": lite_files["art"]} if art == "lite" and "art" in lite_files else {}
        return Choice("full", art, own_art, files, tuple(missing))
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


def _all_lite(settings: Settings, lite_files: Mapping[str, Path]) -> bool:
    return bool(settings.paths) and len(lite_files) == len(settings.paths)
