"""From a choice to a loaded model set: the lite one or the full one, with networks of others in their roles."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from ..roles import BY_KEY
from ..weights.settings import Settings
from .base import Components
from .choose import Choice
from .lite.load import load_lite


def load(choice: Choice, settings: Settings, device: torch.device, dtype: torch.dtype) -> Components:
    """The components that `choice` names, ready for inference.

    Raises:
        UsageError: two networks that cannot be mixed.
        WeightsError: a file is missing or damaged, or not of its component.
    """
    if choice.set == "full" and not choice.foreign:
        from .full.load import load_full  # with open_clip's model zoo: seconds

        return load_full(settings, device, dtype, choice.art_model or "", choice.lite_files.get("art"))
    parts = load_lite(device, files=choice.lite_files)
    if choice.set == "full":
        from .full.load import load_files

        modules, info = load_files(choice.full_files, device, dtype)
        named: dict[str, Any] = {BY_KEY[key].name: module for key, module in modules.items()}
        parts = dataclasses.replace(parts, name="full", info=parts.info | info, **named)
    if not choice.foreign:
        return parts
    from .foreign.load import load_pair

    pair = load_pair(choice, device, dtype)
    parts = parts.with_networks(device, pair.photo, pair.art)
    return dataclasses.replace(parts, info={**parts.info, **pair.info})
