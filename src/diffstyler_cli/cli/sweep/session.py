"""Carries sweeps out and shows how they go."""

from __future__ import annotations

import dataclasses
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.filesize import decimal

from ...config import MachineConfig, StylizeConfig, options
from ...errors import OutputError, UsageError
from ...models.cards import networks_named
from ...prompts import parse_prompt
from ...recipe.schema import TORCH_NAMES
from ...sweep.axes import PROMPT
from ...version import __version__
from ..history import note
from ..models import LoadedModels
from ..places import inside
from ..speeds import TELL, duration, estimate, read_speeds
from ..stylize import masks
from ..stylize.reading import read_inputs, read_palette
from ..stylize.session import DRAWN_SEEDS, doubts
from ..terminal.console import LOG, Console
from ..terminal.errors import Failure, SomeFailed, explain
from ..terminal.notices import Notices
from .request import SweepRequest

if TYPE_CHECKING:
    from ...images import LoadedImage
    from ...pipeline import Stylizer
    from ...pipeline.places import PlaceMaps
    from ...pipeline.style_images import StylePicture
    from ...sweep.folder import Folder
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
        if not made:
            return f"{what}; nothing was written.", ""
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
        from ...pipeline.machine import resolve

        self.account.runner = None
        base = dataclasses.replace(request.base, settings=request.settings())
        image, styles, places = read_inputs(base, self.notices, rest=PROMPT in request.ranges)
        palette = read_palette(base, self.notices)
        machine = base.machine()
        chosen = self.models.chosen(machine, request.base.weights)

        def known(plan: Plan) -> dict[str, Any]:
            return asked(plan, machine, chosen, image, styles, palette, places)

        folder, plan = self._settled(request, chosen, styles, places, known)
        self._check_inputs(request, folder.path)
        folder.check(known(plan), force=request.base.force)
        size = self._check(request, plan, image, folder.path)
        self.notices.add([*plan.notices(), *doubts(*(cell.config for cell in plan.possible))])
        if request.dry_run:
            self._foretell(request, plan, image, size, resolve(machine, request.base.weights).config, folder.path)
            return None
        stylizer = self.models.load(machine, request.base.weights, self.console, self.notices)
        asks = [*request.prompts(), *masks.prompts(request.base.places)]
        self.notices.add(stylizer.check_prompts([parse_prompt(text) for text in asks]))
        # the hashes of the models are known now: the folder may turn out to have a sweep of others
        folder, plan = self._settled(request, chosen, styles, places, lambda plan: identity(known(plan), stylizer))
        self._announce(request, plan, image, size, stylizer.networks.machine, folder.path)
        with folder.claimed(identity(known(plan), stylizer), force=request.base.force):
            from ...sweep.run import Runner

            runner = self.account.runner = Runner(plan, stylizer, image, styles, folder, request.batch, palette)
            return self._make_cells(request, runner)

    def _foretell(
        self, request: SweepRequest, plan: Plan, image: LoadedImage, size: tuple[int, int], machine: MachineConfig,
        folder: Path,
    ) -> None:  # fmt: skip
        """Says what would be made, for --dry-run, without the models; its files on standard output."""
        from ...sweep.report import file_names
        from ..stylize.foresight import NOT_MEASURED, machine_line

        seconds = self._announce(request, plan, image, size, machine, folder)
        self.console.say(machine_line(machine))
        self.console.say(NOT_MEASURED if seconds is None else f"About {duration(seconds)}, beside loading the models")
        for name in file_names(plan, grid=request.grid):
            self.console.written(folder / name, planned=True)

    def open(self, swept: Swept) -> None:
        """Shows the page in the browser; a notice says where it is if that does not work."""
        from ...sweep.folder import PAGE
        from ..terminal.opener import open_file

        self.notices.add_again(open_file(swept.runner.folder.path / PAGE))

    def _settled(
        self, request: SweepRequest, chosen: Literal["lite", "full"], styles: Sequence[StylePicture],
        places: PlaceMaps | None, known: Callable[[Plan], dict[str, Any]],
    ) -> tuple[Folder, Plan]:  # fmt: skip
        """The folder and the plan; a name that is made here is numbered where the folder holds another sweep.

        `known` is what is known of the identity of a plan's sweep. A folder that is given stays as it is.
        """
        from ...sweep.folder import Folder

        automatic = request.base.output is None and not request.base.force
        folder = Folder.free(request.folder()) if automatic else Folder(request.folder())
        plan = self._plan(request, chosen, styles, places, folder.saved_seed())
        while automatic and not folder.may_hold(known(plan)):
            folder = Folder.free(request.folder(), after=folder)
            plan = self._plan(request, chosen, styles, places, folder.saved_seed())
        return folder, plan

    # --- before ------------------------------------------------------------------------------------------------------
    def _plan(
        self,
        request: SweepRequest,
        model_set: Literal["lite", "full"],
        styles: Sequence[StylePicture],
        places: PlaceMaps | None,
        saved: int | None,
    ) -> Plan:
        from ...sweep.plan import Plan

        settings = request.settings()
        if "seed" not in request.ranges:
            # the seed that was drawn when the sweep began: the same command goes on with the same pictures
            drawn = random.SystemRandom().randrange(DRAWN_SEEDS)
            settings["seed"] = drawn if saved is None or request.base.force else saved
        pictures = options(StylizeConfig)
        given = {name: value for name, value in settings.items() if name in pictures}
        # the plan checks what its cells have
        config = StylizeConfig.defaults(model_set).with_overrides(given, model_set)
        ranges = {name: values for name, values in request.ranges.items() if name == PROMPT or name in pictures}
        weights = [style.weight for style in styles]
        return Plan(config, ranges, request.prompts(), weights, model_set, places)

    def _check_inputs(self, request: SweepRequest, folder: Path) -> None:
        """Raises `UsageError` for an input in the sweep's folder: --force would delete it, a cell replace it."""
        for path in request.base.inputs():
            if inside(path, folder):
                raise UsageError(f"{str(path)!r} is in the sweep's own folder.", "Give another folder with -o.")

    def _check(self, request: SweepRequest, plan: Plan, image: LoadedImage, folder: Path) -> tuple[int, int]:
        """Size of a cell's picture. Raises for a grid that is too large and a disk that is too small."""
        from ...images.grids import check_grid

        size = plan.config.result_size(image.original_size)
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

    def _announce(
        self, request: SweepRequest, plan: Plan, image: LoadedImage, size: tuple[int, int], machine: MachineConfig,
        folder: Path,
    ) -> float | None:  # fmt: skip
        """Says and notes what is planned; returns how many seconds the whole of it takes, where that is known."""
        from ...sweep.report import file_names
        from ..stylize.foresight import machine_document
        from .pace import parts

        seconds = estimate(read_speeds(machine), parts(plan, image))
        passes, alone = plan.evaluations(), plan.separate_evaluations()
        columns, rows = plan.shape
        grids = len(plan.grids)
        layout = f"{columns} x {rows}" + (f" in {grids} grids" if grids > 1 else "")
        self.account.planned = {
            "cells": len(plan.possible), "left_out": len(plan.cells) - len(plan.possible),
            "columns": columns, "rows": rows, "grids": grids,
            "free_diffusions": len(plan.groups), "disk_bytes": _bytes(plan, size),
            "evaluations": passes._asdict(), "separate_evaluations": alone._asdict(),
            "paths": [str(folder / name) for name in file_names(plan, grid=request.grid)], "size": list(size),
            **machine_document(machine), "seconds": None if seconds is None else round(seconds, 1),
        }  # fmt: skip
        cost = f"{len(plan.groups)} free diffusions, {sum(passes)} network passes (one by one: {sum(alone)})"
        disk = f"about {decimal(_bytes(plan, size))} in {folder}"
        self.console.say(f"{len(plan.possible)} pictures of {size[0]} x {size[1]} pixels ({layout}), {cost}, {disk}")
        return seconds

    # --- while -------------------------------------------------------------------------------------------------------
    def _make_cells(self, request: SweepRequest, runner: Runner) -> Swept:
        from ...sweep import report
        from .live import display
        from .pace import Pace

        plan, console = runner.plan, self.console

        def command(cell: Cell) -> str:
            return request.for_cell(cell.config, cell.prompts).command_line()

        began = time.monotonic()
        asks = [*request.prompts(), *masks.prompts(request.base.places)]
        if runner.resumed:
            console.say(f"{runner.resumed} of {len(plan.possible)} cells are there already.")
        pace = Pace(plan, runner.subject.loaded, runner.stylizer.networks.machine)
        seconds = pace.estimate(runner.made)
        if seconds is not None and seconds > TELL:
            console.say(f"About {duration(seconds)}", "dim")
        report.write_manifests(runner, report.rows(runner, command), grid=request.grid)
        try:
            with display(console, runner, preview=self._previews(request)) as show:
                for progress in runner.run():
                    self.notices.add([*runner.notices, *runner.stylizer.notices], late=True)
                    LOG.debug("%s %d/%d", progress.phase, progress.step, progress.steps)
                    pace.saw(progress)
                    show(progress)
            pace.learn()
        finally:
            rows = report.rows(runner, command)
            written = report.write_manifests(runner, rows, grid=request.grid)
        if not runner.made:
            raise next(iter(runner.failed.values()))
        with console.working("Drawing"):
            pages = report.write_grids(runner) if request.grid else []
            pages.append(report.write_page(runner, rows, grid=request.grid))
        swept = self.account.swept = Swept(request, runner, rows, [*pages, *written])
        note(
            "sweep", runner.folder.path, runner.result_size, asks, time.monotonic() - began,
            request.command_line(), len(runner.made),
        )  # fmt: skip
        for path in swept.written:
            console.written(path)
        console.say_command(request.with_seed(plan.config.seed).command_words(), "Same again: ")
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


def asked(
    plan: Plan,
    machine: MachineConfig,
    model_set: str,
    image: LoadedImage,
    styles: Sequence[StylePicture],
    palette: LoadedImage | None,
    places: PlaceMaps | None = None,
) -> dict[str, Any]:
    """What is known of a sweep's `identity` before its models are loaded."""
    known: dict[str, Any] = {
        "version": __version__,
        "models": {"set": model_set},  # in front of the settings: another set has other defaults
        "photo": {"name": image.name, "pixels_sha256": image.fingerprint},
        **plan.description(),
        "style_images": [
            {"name": s.loaded.name, "weight": s.weight, "pixels_sha256": s.loaded.fingerprint} for s in styles
        ],
        "palette": {
            "name": palette.name if palette else None,
            "pixels_sha256": palette.fingerprint if palette else None,
        },
    }
    if places is not None:
        known["places"] = places.record([prompt.weight for prompt in places.prompts]).to_json()
    if machine.device != "auto":
        known["device"] = machine.device.partition(":")[0]
    if machine.dtype != "auto":
        known["dtype"] = TORCH_NAMES[machine.dtype]
    return known


def identity(known: dict[str, Any], stylizer: Stylizer) -> dict[str, Any]:
    """What must be the same for a sweep to go on in its folder."""
    return {
        **known,
        "models": {role: info.sha256 for role, info in stylizer.components.info.items()} | {"set": stylizer.name},
        "device": stylizer.device.type,
        "dtype": str(stylizer.dtype).removeprefix("torch."),
        **networks_named(stylizer.networks.machine),
    }


def _bytes(plan: Plan, size: tuple[int, int]) -> int:
    return len(plan.possible) * size[0] * size[1] * BYTES_PER_PIXEL
