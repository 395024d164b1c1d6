"""What to do with a finished sweep: open its page, keep a cell, render it larger, look closer around it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DiffStylerError
from ...size import Size
from ...sweep.around import around, described
from ..stylize.live import about
from ..terminal.ask import Dispatch, ask_name, confirm, pick, run_other
from ..terminal.choose import Back
from ..terminal.console import Console, escaped
from ..terminal.errors import Left, explain
from .account import Swept
from .request import SweepRequest
from .session import SweepSession

if TYPE_CHECKING:
    from ...config import StylizeConfig
    from ...sweep.plan import Cell
    from ..stylize.request import Request

OPEN = "open the page in the browser  (--open)"
KEEP = "keep a cell under a name  (cp DIR/cells/... NAME)"
LARGER = "render a cell larger  (diffstyler stylize ... --size {size})"
FINER = "sweep finer around a cell  (diffstyler sweep ... {ranges})"


def what_next(session: SweepSession, swept: Swept, dispatch: Dispatch) -> None:
    """Offers the menu until the person is done; other commands are run by `dispatch`.

    Ctrl-C in a run that began here comes back to the menu; at a question it leaves, as `Left`.
    """
    while True:
        cells = swept.standing.plan.possible
        middle = cells[len(cells) // 2]
        finer = closer(swept.request, middle.config, middle.prompts, Path("DIR")).range_words()
        doubled = Size.parse(middle.config.size).doubled
        rows = {
            OPEN: OPEN,
            KEEP: KEEP,
            **({LARGER.format(size=doubled): LARGER} if doubled else {}),
            FINER.format(ranges=escaped(finer)): FINER,
        }
        try:
            answer = rows[pick(session.console, "What next?", list(rows), leave="done", back="done")]
        except Back:
            return
        try:
            swept = _do(session, swept, answer, dispatch)
        except Back:
            continue
        except Left:
            raise
        except KeyboardInterrupt:
            session.console.say(" ".join(session.account.kept("Interrupted")).strip())
        except DiffStylerError as error:  # nothing is lost by it: the person may choose again
            session.console.fail(explain(error))


def _do(session: SweepSession, swept: Swept, answer: str, dispatch: Dispatch) -> Swept:
    """Does what a row says; returns the sweep that the menu is about after it. Raises `Back`."""
    from ...images.write import free_name

    if answer == OPEN:
        session.open(swept)
        return swept
    cell = _pick_cell(session.console, swept)
    if answer == KEEP:
        _keep(session, swept, cell)
    elif answer == LARGER:
        run_other(session.console, larger(swept.request, cell).words(), dispatch)
    else:
        folder = free_name(swept.standing.folder.path)
        request = closer(swept.request, cell.config, cell.prompts, folder)
        if confirm(session.console, _finer_question(swept, request, cell)):
            session.console.say_command(request.command_words())
            return session.run(request) or swept
    return swept


def _finer_question(swept: Swept, request: SweepRequest, cell: Cell) -> str:
    count = math.prod(len(values) for values in request.ranges.values())
    seconds = count * next(row["seconds"] for row in swept.rows if row["cell"] == cell.index + 1)
    return f"{count} pictures, {described(request.ranges, cell.config)}; {about(seconds)}. Start?"


def larger(request: SweepRequest, cell: Cell) -> Request:
    """The request for a cell at twice its size."""
    return request.for_cell(cell.config, cell.prompts, size=Size.parse(cell.config.size).doubled)


def closer(request: SweepRequest, config: StylizeConfig, prompts: tuple[str, ...], folder: Path) -> SweepRequest:
    """A sweep into `folder` around the settings of one picture."""
    ranges = {name: values for name, values in request.ranges.items() if name in _settings(request)}
    ranges = {**ranges, **around(_settings(request), config, request.said()), "seed": (config.seed,)}
    base = dataclasses.replace(request.base, prompts=prompts, output=str(folder), force=False)
    return dataclasses.replace(request, base=base, ranges=ranges, dry_run=False)


def _settings(request: SweepRequest) -> dict[str, tuple[object, ...]]:
    return {name: tuple(values) for name, values in request.ranges.items() if name != "prompt"}


def _pick_cell(console: Console, swept: Swept) -> Cell:
    rows, axes = {}, swept.standing.plan.axes
    for cell, row in zip(swept.standing.plan.cells, swept.rows, strict=True):
        if row["status"] == "done":
            values = ", ".join(f"{axis.title} {axis.label(cell.values[axis.name])}" for axis in axes)
            scores = f"CLIP {row['scores']['clip']:.1f}, content {row['scores']['content']:.2f}"
            star = " *" if row["pareto"] else ""
            rows[escaped(f"cell {row['cell']}: {values}  ({scores}{star})")] = cell
    return rows[pick(console, "Which cell? (* no other has more of both scores)", list(rows), leave="back")]


def _keep(session: SweepSession, swept: Swept, cell: Cell) -> None:
    from PIL import Image

    from ...images.metadata import read_recipe
    from ...images.write import check_output, free_name, write_image

    source, folder = swept.standing.folder.place(cell), swept.standing.folder.path
    default = free_name(folder.parent / f"{folder.name.removesuffix('-sweep')}.png")
    path = ask_name(session.console, default)
    check_output(path, [source])
    with Image.open(source) as picture:
        session.notices.add(write_image(picture, path, read_recipe(source)), late=True)
    session.console.written(path)
