"""The SHA-256 of each role's weights, as recipes record them, without loading any. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsError
from ..roles import BY_KEY, ROLES
from ..weights.digest import sha256
from .choose import Choice
from .lite.architecture import WEIGHTS


def hashes_of(choice: Choice) -> dict[str, str] | None:
    """By role, those that loading `choice` would find; None where a file is missing or cannot be read.

    None, too, with networks of others, which have to be read to be known.
    """
    if choice.foreign:
        return None
    files = {BY_KEY[key].name: path for key, path in choice.lite_files.items()}
    try:
        if choice.set == "lite":
            return {role.name: sha256(files.get(role.name, _built_in(role.name))) for role in ROLES}
        found = {BY_KEY[key].name: file.sha256 or sha256(file.path) for key, file in choice.full_files.items()}
        if choice.art_model == "cc12m":  # the photo network, told to paint
            found["art"] = found["photo"]
        elif choice.art_model == "lite":
            found["art"] = sha256(files.get("art", _built_in("art")))
    except (WeightsError, KeyError):
        return None
    return found if len(found) == len(ROLES) else None


def _built_in(role: str) -> Path:
    return WEIGHTS / f"{role}.safetensors"
