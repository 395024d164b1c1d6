"""Which models will run, where and how precisely: the answer to every "auto", before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..config import MachineConfig
from ..device import DTYPES, choose_device, choose_dtype
from ..models.choose import Choice, choose
from ..models.foreign.extra import needs_extra
from ..models.full.files import missing_error
from ..weights import settings as places
from ..weights.settings import Settings


@dataclass(frozen=True)
class Resolved:
    """What `MachineConfig` comes to on this machine."""

    settings: Settings
    choice: Choice
    device: torch.device
    dtype: torch.dtype

    @property
    def config(self) -> MachineConfig:
        """The same settings without an "auto"."""
        names = {kind: name for name, kind in DTYPES.items()}
        choice = self.choice
        return MachineConfig(
            choice.set, choice.art_model, self.device.type, names[self.dtype],
            photo_model=choice.photo_model, loss_models=choice.loss_models,
        )  # fmt: skip


def resolve(machine: MachineConfig, weights: Mapping[str, Path] | None = None) -> Resolved:
    """The models that `Stylizer.load` would load, and where.

    Raises:
        UsageError: unknown set, network, device or precision; networks that cannot be mixed.
        WeightsError: files of the full set, or of a network of others, are missing, or the libraries that read those.
    """
    machine.validate()
    settings = places.read_settings(paths=weights)
    choice = choose(
        settings, machine.models, machine.art_model, weights,
        photo_model=machine.photo_model, loss_models=machine.loss_models,
    )  # fmt: skip
    device = choose_device(machine.device)
    dtype = choose_dtype(machine.dtype, device)
    for foreign in choice.foreign:
        if foreign.plugin is None:
            needs_extra(foreign.name)
        if foreign.missing:
            raise foreign.missing_error()
    if choice.set == "full" and choice.missing:
        raise missing_error(choice.missing, settings)
    return Resolved(settings, choice, device, dtype)
