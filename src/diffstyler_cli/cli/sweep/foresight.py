"""What a sweep will be and what it costs, said before the work."""

from __future__ import annotations

from typing import Any

from rich.filesize import decimal

from ...config import MachineConfig
from ...pipeline.forecast import Evaluations
from ...sweep.plan import Plan
from ..speeds import estimate, read_speeds
from ..stylize.foresight import machine_document
from ..terminal.console import Console
from .pace import parts
from .prepare import Prepared


def announce(console: Console, sweep: Prepared, machine: MachineConfig) -> dict[str, Any]:
    """Says what is planned; returns the plan of the JSON document. `seconds` is None where nothing was measured yet."""
    from ...sweep.report import file_names

    plan, size, folder = sweep.plan, sweep.size, sweep.folder.path
    seconds = estimate(read_speeds(machine), parts(plan, sweep.image))
    passes, alone = plan.evaluations(), plan.separate_evaluations()
    columns, rows = plan.shape
    disk = f"about {decimal(sweep.bytes)} in {folder}"
    pictures = f"{len(plan.possible)} pictures of {size[0]} x {size[1]} pixels ({layout(plan)})"
    console.say(f"{pictures}, {cost(plan, passes, alone)}, {disk}")
    return {
        "cells": len(plan.possible), "left_out": len(plan.cells) - len(plan.possible),
        "columns": columns, "rows": rows, "grids": len(plan.grids),
        "free_diffusions": len(plan.groups), "disk_bytes": sweep.bytes,
        "evaluations": passes._asdict(), "separate_evaluations": alone._asdict(),
        "paths": [str(folder / name) for name in file_names(plan, grid=sweep.request.grid)], "size": list(size),
        **machine_document(machine), "seconds": None if seconds is None else round(seconds, 1),
    }  # fmt: skip


def layout(plan: Plan) -> str:
    """Columns, rows and grids: "5 x 4 in 2 grids"."""
    columns, rows = plan.shape
    grids = len(plan.grids)
    return f"{columns} x {rows}" + (f" in {grids} grids" if grids > 1 else "")


def cost(plan: Plan, passes: Evaluations, alone: Evaluations) -> str:
    """What is computed, beside what one `stylize` a cell would."""
    return f"{len(plan.groups)} free diffusions, {sum(passes)} network passes (one by one: {sum(alone)})"
