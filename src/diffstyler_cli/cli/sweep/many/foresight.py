"""What the sweeps of many photos will be and what they cost, said before the work."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ....config import MachineConfig
from ....errors import InputImageError
from ...speeds import duration
from ...stylize.reading import read_photo
from ...terminal.console import Console
from ...terminal.notices import Notices
from ..foresight import cost, layout
from .plan import OVERVIEW, Entry
from .request import ManySweepsRequest

if TYPE_CHECKING:
    from ....images import LoadedImage
    from ....sweep.plan import Plan

_TRIED = 8
"""Photos that are tried for one whose size stands for all."""


def announce(console: Console, entries: Sequence[Entry], plan: Plan) -> None:
    """Says what each sweep is; `plan` stands for that of all."""
    photos = "1 photo" if len(entries) == 1 else f"{len(entries)} photos"
    told = cost(plan, plan.evaluations(), plan.separate_evaluations())
    console.say(f"Sweeps of {photos}, {len(plan.possible)} pictures of each ({layout(plan)}): {told}")


def foretell(
    console: Console, request: ManySweepsRequest, entries: Sequence[Entry], plan: Plan, machine: MachineConfig,
    seed: int | None,
) -> dict[str, Any]:  # fmt: skip
    """Says what would be made, for --dry-run; returns the plan of the JSON document. No `seed`: one will be drawn."""
    from ....pipeline.machine import resolve
    from ...speeds import estimate, read_speeds
    from ...stylize.foresight import NOT_MEASURED, machine_document, machine_line
    from ..pace import parts

    resolved = resolve(machine, request.each.base.weights).config
    photo, seconds = _any_photo(request, entries), None
    remote = request.each.cluster is not None
    if photo is not None and not remote:
        one = estimate(read_speeds(resolved), parts(plan, photo))
        seconds = None if one is None else one * len(entries)
    told = "drawn" if seed is None else str(seed)
    console.say(f"A dry run: nothing is made, and what is there already is not looked for; seed {told}")
    console.say(f"{resolved.models} models on a Ray cluster" if remote else machine_line(resolved))
    console.say(NOT_MEASURED if seconds is None else f"About {duration(seconds)}, beside loading the models")
    paths = [entry.page for entry in entries] + [request.folder / OVERVIEW]
    for path in paths:
        console.written(path, planned=True)
    return {
        "paths": list(map(str, paths)), "cells": len(plan.possible) * len(entries),
        **machine_document(resolved), "seconds": None if seconds is None else round(seconds, 1),
    }  # fmt: skip


def _any_photo(request: ManySweepsRequest, entries: Sequence[Entry]) -> LoadedImage | None:
    """A photo that can be read: its size stands for that of all."""
    for entry in entries[:_TRIED]:
        with suppress(InputImageError):
            return read_photo(dataclasses.replace(request.each.base, image=entry.photo), Notices(Console(quiet=True)))
    return None
