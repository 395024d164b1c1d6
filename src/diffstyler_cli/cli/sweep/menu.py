"""What to do with a finished sweep: keep a cell, render it larger, look closer around it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DiffStylerError
from ...sweep.around import around
from ..terminal.ask import Dispatch, ask_name, pick, run_other
from ..terminal.console import Console, escaped
from ..terminal.errors import explain
from .request import SweepRequest
from .session import SweepSession, Swept

if TYPE_CHECKING:
    from ...config import StylizeConfig
    from ...sweep.plan import Cell
    from ..stylize.request import Request

KEEP = "keep a cell under a name  (cp DIR/cells/... NAME)"
LARGER = "render a cell larger  (diffstyler stylize ... --size {size})"
FINER = "sweep finer around a cell  (diffstyler sweep ... {ranges})"
BACK, DONE = "back", "done"


def what_next(session: SweepSession, swept: Swept, dispatch: Dispatch) -> None:
    """Offers the menu until the person is done; other commands are run by `dispatch`.

    Raises `KeyboardInterrupt` if they leave by Ctrl-C.
    """
    from ...images.write import free_name

    while True:
        cells = swept.runner.plan.possible
        middle = cells[len(cells) // 2]
        finer = closer(swept.request, middle.config, middle.prompts, Path("DIR")).range_words()
        labels = {
            KEEP: KEEP,
            LARGER.format(size=2 * middle.config.size): LARGER,
            FINER.format(ranges=escaped(finer)): FINER,
        }
        answer = pick(session.console, "What next?", [*labels, DONE])
        if answer == DONE:
            return
        cell = _pick_cell(session.console, swept)
        if cell is None:
            continue
        try:
            if labels[answer] == KEEP:
                _keep(session, swept, cell)
            elif labels[answer] == LARGER:
                run_other(session.console, larger(swept.request, cell).words(), dispatch)
            else:
                folder = free_name(swept.runner.folder.path)
                request = closer(swept.request, cell.config, cell.prompts, folder)
                session.console.say(f"$ {request.command_line()}", "dim", verbatim=True)
                swept = session.run(request) or swept
        except DiffStylerError as error:  # nothing is lost by it: the person may choose again
            session.console.fail(explain(error))


def larger(request: SweepRequest, cell: Cell) -> Request:
    """The request for a cell at twice its size."""
    return request.for_cell(cell.config, cell.prompts, size=min(2 * cell.config.size, 4096))


def closer(request: SweepRequest, config: StylizeConfig, prompts: tuple[str, ...], folder: Path) -> SweepRequest:
    """A sweep into `folder` around the settings of one picture."""
    ranges = {name: values for name, values in request.ranges.items() if name in _settings(request)}
    ranges = {**ranges, **around(_settings(request), config), "seed": (config.seed,)}
    base = dataclasses.replace(request.base, prompts=prompts, output=str(folder), force=False)
    return dataclasses.replace(request, base=base, ranges=ranges, dry_run=False)


def _settings(request: SweepRequest) -> dict[str, tuple[object, ...]]:
    return {name: tuple(values) for name, values in request.ranges.items() if name != "prompt"}


def _pick_cell(console: Console, swept: Swept) -> Cell | None:
    rows = {}
    for cell, row in zip(swept.runner.plan.cells, swept.rows, strict=True):
        if row["status"] == "done":
            values = ", ".join(f"{axis.title} {axis.label(cell.values[axis.name])}" for axis in swept.runner.plan.axes)
            scores = f"CLIP {row['scores']['clip']:.1f}, content {row['scores']['content']:.2f}"
            star = " *" if row["pareto"] else ""
            rows[escaped(f"{row['cell']}: {values}  ({scores}{star})")] = cell
    answer = pick(console, "Which cell? (* no other has more of both scores)", [*rows, BACK])
    return rows.get(answer)


def _keep(session: SweepSession, swept: Swept, cell: Cell) -> None:
    from PIL import Image

    from ...images.metadata import read_recipe
    from ...images.write import check_output, free_name, write_image

    source = swept.runner.folder.path / cell.file
    default = free_name(swept.runner.folder.path.parent / f"{swept.runner.folder.path.name.removesuffix('-sweep')}.png")
    path = ask_name(session.console, default)
    check_output(path, [source])
    with Image.open(source) as picture:
        session.notices.add(write_image(picture, path, read_recipe(source)), late=True)
    session.console.written(path)
