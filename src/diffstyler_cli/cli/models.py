"""The models of a command line and of what its menus run after it: loaded when they are first needed, and only once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from ..config import MachineConfig
from .terminal.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..pipeline import Stylizer
    from .terminal.console import Console

LITE_NOTICE = "Using the built-in lite models. Full-size ones: diffstyler download"


class LoadedModels:
    """Holds the model set; the one that is loaded first serves all later requests."""

    def __init__(self) -> None:
        self.stylizer: Stylizer | None = None
        self.seconds = 0.0
        """That loading took."""

    def load(self, machine: MachineConfig, weights: Mapping[str, Path], console: Console, notices: Notices) -> Stylizer:
        """The model set; says which one it is and where it runs. Raises as `Stylizer.load`."""
        if self.stylizer is None:
            began = time.monotonic()
            with console.working("Loading the models"):
                from ..models.foreign.names import said
                from ..pipeline import Stylizer

                stylizer = self.stylizer = Stylizer.load(
                    machine.models,
                    device=machine.device,
                    dtype=machine.dtype,
                    weights=weights,
                    art_model=machine.art_model,
                    photo_model=machine.photo_model,
                    loss_models=machine.loss_models,
                )
            self.seconds = time.monotonic() - began
            if stylizer.name == "lite" and machine.models != "lite":
                console.say(LITE_NOTICE, "yellow")  # a hint: nothing is done otherwise than asked
                notices.texts.append(LITE_NOTICE)
            chosen = stylizer.networks.machine
            side = stylizer.components.photo.native_size if chosen.photo_model else 0
            for line in said(machine, chosen, side):
                console.say(line, "yellow" if machine.art_model is None else "dim")
                notices.texts.append(line)
            notices.add(stylizer.notices)
            where = f"{stylizer.device}, {_dtype(stylizer)}"
            console.say(f"{stylizer.name} models on {where}; loaded in {self.seconds:.1f} s", "dim")
        return self.stylizer

    def chosen(self, machine: MachineConfig, weights: Mapping[str, Path]) -> Literal["lite", "full"]:
        """Which set `load` gives, without loading it. Raises `UsageError` as `load` does."""
        if self.stylizer is not None:
            return "full" if self.stylizer.name == "full" else "lite"
        from ..models.choose import choose
        from ..weights.settings import read_settings

        return choose(
            read_settings(paths=weights), machine.models, machine.art_model, weights,
            photo_model=machine.photo_model, loss_models=machine.loss_models,
        ).set  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What the JSON documents say of the models."""
        stylizer = self.stylizer
        return {
            "models": stylizer.name if stylizer else None,
            "device": str(stylizer.device) if stylizer else None,
            "dtype": _dtype(stylizer) if stylizer else None,
            "load_seconds": round(self.seconds, 3),
        }


def _dtype(stylizer: Stylizer) -> str:
    return str(stylizer.dtype).removeprefix("torch.")
