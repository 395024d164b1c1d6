"""What a person sees while a sweep runs: one bar for all cells, one for those being made, and what is finished."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ..stylize.live import PHASES, PLAIN_SECONDS, about
from ..terminal.console import Console

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.console import RenderableType

    from ...sweep.plan import Cell
    from ...sweep.run import Progress
    from ...sweep.standing import Standing


class Show(Protocol):
    """Is told of steps, and by `told` of cells that another process made or failed to make, by their index."""

    def __call__(self, progress: Progress) -> None: ...

    def told(self, cells: Sequence[int]) -> None: ...


@contextmanager
def display(console: Console, standing: Standing, *, preview: bool) -> Iterator[Show]:
    """The display that fits the console; `preview` draws finished cells too."""
    if console.quiet:
        yield Silence()
    elif not console.live:
        yield PlainLines(console, standing)
    else:
        bars = Bars(console, standing, preview=preview)
        with console.moving(bars.progress.live):
            yield bars


class Silence:
    """Says nothing."""

    def __call__(self, progress: Progress) -> None:
        pass

    def told(self, cells: Sequence[int]) -> None:
        pass


class PlainLines:
    """A line for finished cells, with the time that is left, and now and then one between."""

    def __init__(self, console: Console, standing: Standing) -> None:
        self._console = console
        self._standing = standing
        self._began = self._printed_at = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        finished = progress.phase in ("made", "failed")
        if not finished and now - self._printed_at < PLAIN_SECONDS:
            return
        self._printed_at = now
        words = [f"{len(self._standing.made)}/{len(self._standing.plan.possible)} cells"]
        if not finished:
            words.append(f"{which(progress.cells)}: {PHASES[progress.phase].lower()} {progress.step}/{progress.steps}")
        if progress.work < 1:
            words.append(time_left(now - self._began, progress.work))
        self._console.say(", ".join(filter(None, words)))

    def told(self, cells: Sequence[int]) -> None:
        standing = self._standing
        self._console.say(f"{len(standing.made)}/{len(standing.plan.possible)} cells")


class Bars:
    """The bars; finished cells and the first estimate scroll up above them."""

    def __init__(self, console: Console, standing: Standing, *, preview: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = console
        self._standing = standing
        self._preview = preview
        self._began = time.monotonic()
        self._estimated = False
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[state]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console.rich,
            refresh_per_second=4,
            expand=True,
        )
        self._all = self.progress.add_task("Sweep", total=1.0, state=self._count())
        self._now = self.progress.add_task("Free diffusion", total=None, state="")

    def __call__(self, progress: Progress) -> None:
        self.progress.update(self._all, completed=progress.work, state=self._count())
        if progress.phase in PHASES:
            if progress.step == 1:
                self.progress.reset(self._now, total=progress.steps)
            state = f"{progress.step}/{progress.steps}"
            self.progress.update(
                self._now,
                description=PHASES[progress.phase],
                completed=progress.step,
                total=progress.steps,
                state=state,
            )
            return
        self._console.say(f"{which(progress.cells)}: {progress.phase}", "red" if progress.phase == "failed" else "dim")
        if progress.phase == "made" and self._preview:
            self._console.render(self._thumbnails(progress.cells))
        if not self._estimated and progress.work < 1:
            self._estimated = True
            self._console.say(f"All in all {time_left(time.monotonic() - self._began, progress.work)}.")

    def told(self, cells: Sequence[int]) -> None:
        standing = self._standing
        share = (len(standing.made) + len(standing.failed)) / len(standing.plan.possible)
        self.progress.update(self._all, completed=share, state=self._count())
        for index in cells:
            self._console.say(f"cell {index + 1}: {'made' if index in standing.made else 'failed'}", "dim")

    def _count(self) -> str:
        return f"{len(self._standing.made)}/{len(self._standing.plan.possible)} cells"

    def _thumbnails(self, cells: tuple[Cell, ...]) -> RenderableType:
        from rich.table import Table

        from ..terminal.preview import HalfBlocks

        room = self._console.rich.width - 1
        width = min(32, max(8, room // len(cells) - 1))
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_row(*(HalfBlocks(self._picture(cell), width, 12) for cell in cells[: room // (width + 1)]))
        return table

    def _picture(self, cell: Cell) -> Image:
        from PIL import Image

        with Image.open(self._standing.folder.place(cell)) as picture:
            return picture.convert("RGB")


def which(cells: tuple[Cell, ...]) -> str:
    """The cells by their numbers: "cell 7", "cells 1-5"."""
    numbers = [cell.index + 1 for cell in cells]
    if len(numbers) == 1:
        return f"cell {numbers[0]}"
    run = numbers == list(range(numbers[0], numbers[-1] + 1))
    return (
        f"cells {numbers[0]}-{numbers[-1]}"
        if run
        else f"cells {', '.join(map(str, numbers[:5]))}" + (", ..." if len(numbers) > 5 else "")
    )


def time_left(elapsed: float, work: float) -> str:
    """About how long the rest takes; "" where nothing is done yet."""
    if work <= 0:
        return ""
    return f"{about(elapsed / work * (1 - work))} left"
