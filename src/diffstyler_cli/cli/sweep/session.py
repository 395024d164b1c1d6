"""Carries sweeps out and shows how they go."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal

from ...config import StylizeConfig, options
from ...errors import OutputError
from ...prompts import parse_prompt
from ...sweep.axes import PROMPT
from ...version import __version__
from ..models import LoadedModels
from ..stylize.session import DRAWN_SEEDS, read_inputs
from ..terminal.console import LOG, Console
from ..terminal.errors import Failure, SomeFailed, explain
from ..terminal.notices import Notices
from .request import SweepRequest

if TYPE_CHECKING:
    from ...images import LoadedImage
    from ...pipeline import Stylizer
    from ...pipeline.style_images import StylePicture
    from ...sweep.plan import Cell, Plan
    from ...sweep.run import Runner

SCHEMA = "diffstyler.sweep/1"
BYTES_PER_PIXEL = 6
"""Of disk: a cell as PNG, once more in the grid and, smaller, in the page."""


@dataclass(frozen=True)
class Swept:
    """A finished sweep. `rows` are the manifest's cells."""

    request: SweepRequest
    runner: Runner
    rows: list[dict[str, Any]]
    written: list[Path]


class SweepAccount:
    """Account of the latest sweep that one command line, or its menu, began."""

    def __init__(self, models: LoadedModels, notices: Notices) -> None:
        self._models = models
        self._notices = notices
        self.planned: dict[str, Any] = {}
        self.runner: Runner | None = None
        self.swept: Swept | None = None

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after `what` cut the work short."""
        runner = self.runner
        if runner is None:
            return f"{what}; nothing was written.", ""
        made, count = len(runner.made), len(runner.plan.possible)
        if made == count:
            return f"{what}. Kept: {runner.folder.path}", ""
        return f"{what}. Kept: {made} of {count} cells in {runner.folder.path}", "The same command makes the rest."

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document; its schema is in docs/sweep.md."""
        swept = self.swept
        return {
            "schema": SCHEMA,
            "version": __version__,
            "ok": failure is None,
            **self._models.facts(),
            "notices": self._notices.texts,
            "plan": self.planned or None,
            "folder": str(self.runner.folder.path) if self.runner else None,
            "written": [str(path) for path in swept.written] if swept else [],
            "cells": swept.rows if swept else [],
            "error": dataclasses.asdict(failure) if failure else None,
        }


class SweepSession:
    """Carries out sweeps one after the other, with one set of models."""

    def __init__(self, console: Console, models: LoadedModels) -> None:
        self.console = console
        self.models = models
        self.notices = Notices(console)
        self.account = SweepAccount(models, self.notices)

    def run(self, request: SweepRequest) -> Swept | None:
        """Makes the cells that are missing, then grids, page and manifests; None if it was a dry run.

        Raises the error of the first cell if none could be made, `SomeFailed` if some could not.
        """
        from ...sweep.folder import Folder

        image, styles = read_inputs(request.base, self.notices)
        folder = Folder(request.folder())
        folder.check(force=request.base.force)
        machine = dataclasses.replace(request.base, settings=request.settings()).machine()
        stylizer = self.models.load(machine, request.base.weights, self.console, self.notices)
        self.notices.add(stylizer.check_prompts([parse_prompt(text) for text in request.prompts()]))
        plan = self._plan(request, stylizer, styles, folder.saved_seed())
        self.notices.add(plan.notices())
        size = self._check(request, plan, image, folder.path)
        self._announce(plan, size, folder.path)
        if request.dry_run:
            return None
        with folder.claimed(identity(plan, stylizer, image, styles), force=request.base.force):
            from ...sweep.run import Runner

            runner = self.account.runner = Runner(plan, stylizer, image, styles, folder, request.batch)
            return self._make_cells(request, runner)

    # --- before ------------------------------------------------------------------------------------------------------
    def _plan(
        self, request: SweepRequest, stylizer: Stylizer, styles: Sequence[StylePicture], saved_seed: int | None
    ) -> Plan:
        from ...sweep.plan import Plan

        settings = request.settings()
        if "seed" not in request.ranges:
            # the seed that was drawn when the sweep began: the same command goes on with the same pictures
            drawn = random.SystemRandom().randrange(DRAWN_SEEDS)
            settings["seed"] = drawn if saved_seed is None or request.base.force else saved_seed
        pictures = options(StylizeConfig)
        given = {name: value for name, value in settings.items() if name in pictures}
        config = StylizeConfig.defaults(stylizer.name).with_overrides(given)  # the plan checks what its cells have
        ranges = {name: values for name, values in request.ranges.items() if name == PROMPT or name in pictures}
        return Plan(config, ranges, request.prompts(), [style.weight for style in styles])

    def _check(self, request: SweepRequest, plan: Plan, image: LoadedImage, folder: Path) -> tuple[int, int]:
        """Size of a cell's picture. Raises for a grid that is too large and a disk that is too small."""
        from ...images import working_size
        from ...images.grids import check_grid

        config = plan.config
        size = image.original_size if config.original_size else working_size(image.rgb.size, config.size)
        if request.grid:
            check_grid(size, *plan.shape)
        needed = _bytes(plan, size)
        place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
        free = shutil.disk_usage(place).free
        if needed > free:
            raise OutputError(
                f"The sweep needs about {decimal(needed)} of disk, and {decimal(free)} are free.",
                "Free some space, give -o a folder on another disk, or give fewer values.",
            )
        return size

    def _announce(self, plan: Plan, size: tuple[int, int], folder: Path) -> None:
        passes, alone = plan.evaluations(), plan.separate_evaluations()
        columns, rows = plan.shape
        grids = len(plan.grids)
        layout = f"{columns} x {rows}" + (f" in {grids} grids" if grids > 1 else "")
        self.account.planned = {
            "cells": len(plan.possible), "left_out": len(plan.cells) - len(plan.possible),
            "columns": columns, "rows": rows, "grids": grids,
            "free_diffusions": len(plan.groups), "disk_bytes": _bytes(plan, size),
            "evaluations": passes._asdict(), "separate_evaluations": alone._asdict(),
        }  # fmt: skip
        cost = f"{len(plan.groups)} free diffusions, {sum(passes)} network passes (one by one: {sum(alone)})"
        disk = f"about {decimal(_bytes(plan, size))} in {folder}"
        self.console.say(f"{len(plan.possible)} pictures of {size[0]} x {size[1]} pixels ({layout}), {cost}, {disk}")

    # --- while -------------------------------------------------------------------------------------------------------
    def _make_cells(self, request: SweepRequest, runner: Runner) -> Swept:
        from ...sweep import report
        from .live import display

        plan, console = runner.plan, self.console

        def command(cell: Cell) -> str:
            return request.for_cell(cell.config, cell.prompts).command_line()

        if runner.resumed:
            console.say(f"{runner.resumed} of {len(plan.possible)} cells are there already.")
        report.write_manifests(runner, report.rows(runner, command), grid=request.grid)
        try:
            with display(console, runner, preview=self._previews(request)) as show:
                for progress in runner.run():
                    self.notices.add([*runner.notices, *runner.stylizer.notices], late=True)
                    LOG.debug("%s %d/%d", progress.phase, progress.step, progress.steps)
                    show(progress)
        finally:
            rows = report.rows(runner, command)
            written = report.write_manifests(runner, rows, grid=request.grid)
        if not runner.made:
            raise next(iter(runner.failed.values()))
        with console.working("Drawing"):
            pages = report.write_grids(runner) if request.grid else []
            pages.append(report.write_page(runner, rows, grid=request.grid))
        swept = self.account.swept = Swept(request, runner, rows, [*pages, *written])
        for path in swept.written:
            console.written(path)
        console.say(f"Same again: {request.command_line()}", "dim", verbatim=True)
        if runner.failed:
            for index, error in runner.failed.items():
                console.say(f"Cell {index + 1} failed: {explain(error).message}", "red")
            first = explain(next(iter(runner.failed.values())))
            raise SomeFailed(
                f"{len(runner.failed)} of {len(plan.possible)} cells failed: {first.message}", first.advice
            )
        return swept

    def _previews(self, request: SweepRequest) -> bool:
        from ..terminal.preview import why_not

        if not request.base.preview:
            return False
        reason = why_not(self.console)
        if reason:
            self.notices.add(f"No preview: {reason}.")
        return not reason


def identity(plan: Plan, stylizer: Stylizer, image: LoadedImage, styles: Sequence[StylePicture]) -> dict[str, Any]:
    """What must be the same for a sweep to go on in its folder."""
    description = plan.description()
    for name in ("models", "art_model", "device", "dtype"):  # what was asked for; what it came to is below
        description["settings"].pop(name, None)
    return {
        "version": __version__,
        "photo": {"name": image.name, "pixels_sha256": image.fingerprint},
        **description,
        "style_images": [
            {"name": s.path.name, "weight": s.weight, "pixels_sha256": s.loaded.fingerprint} for s in styles
        ],
        "models": {role: info.sha256 for role, info in stylizer.components.info.items()} | {"set": stylizer.name},
        "device": stylizer.device.type,
        "dtype": str(stylizer.dtype).removeprefix("torch."),
    }


def _bytes(plan: Plan, size: tuple[int, int]) -> int:
    return len(plan.possible) * size[0] * size[1] * BYTES_PER_PIXEL
