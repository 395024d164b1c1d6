"""What a person sees while it runs: on a terminal bars and a table of the losses, elsewhere a line now and then."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ..terminal.console import Console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.progress import TaskID
    from rich.table import Table

    from ...losses.report import TermReport
    from ...pipeline import Progress

PHASES = {"free": "Free diffusion", "noise": "Learnable noise", "sample": "Sampling"}
"""The phases that have a bar, in order."""

WIDE = 100
"""Columns from which the losses stand beside the bars instead of below them."""

PLAIN_SECONDS = 10.0
"""Seconds between two plain lines of the same phase."""


class Display(Protocol):
    """Takes each event of a run, in order."""

    def __call__(self, event: Progress) -> None: ...


@contextmanager
def display(console: Console, *, preview: bool) -> Iterator[Display]:
    """The display that fits the console, for one picture. `preview` draws the picture too, where that is possible."""
    if console.quiet:
        yield lambda event: None
    elif not console.live:
        yield PlainLines(console)
    else:
        from rich.live import Live

        bars = Bars(console, preview=preview)
        with console.moving(Live(get_renderable=bars.render, console=console.rich, refresh_per_second=4)):
            yield bars


class PlainLines:
    """A line when a phase starts, now and then while it runs, and when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._began = self._printed_at = 0.0

    def __call__(self, event: Progress) -> None:
        if event.phase not in PHASES:
            return
        now = time.monotonic()
        if event.phase != self._phase:
            self._phase, self._began, self._printed_at = event.phase, now, now
        elif event.step < event.steps and now - self._printed_at < PLAIN_SECONDS:
            return
        self._printed_at = now
        words = [f"{PHASES[event.phase]} {event.step}/{event.steps}"]
        if 1 < event.step < event.steps:
            left = (now - self._began) / (event.step - 1) * (event.steps - event.step)
            words.append(f"{about(left)} left")
        words += [f"{name} {term.value:.4g}" for name, term in (event.losses or {}).items()]
        self._console.say(", ".join(words))


class Bars:
    """A bar for each phase with its step and time left, and the losses: value, weight, gradient norm, change."""

    def __init__(self, console: Console, *, preview: bool) -> None:
        from rich import progress

        self._console = console
        self._preview = preview
        self._picture: RenderableType | None = None
        self._first: dict[str, TermReport] = {}
        self._losses: Mapping[str, TermReport] = {}
        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console.rich,
            auto_refresh=False,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Progress) -> None:
        if event.phase not in PHASES:
            return
        if event.phase not in self._tasks:
            self._tasks[event.phase] = self._progress.add_task(PHASES[event.phase], total=event.steps)
        self._progress.update(self._tasks[event.phase], completed=event.step)
        if event.losses:
            # first the first: the display is drawn by another thread, which looks for them by the names of the losses
            for name, term in event.losses.items():
                self._first.setdefault(name, term)
            self._losses = {
                name: term if term.grad_norm is not None else dataclasses.replace(term, grad_norm=self._pull(name))
                for name, term in event.losses.items()
            }
        if self._preview and event.pred is not None:
            self._draw(event)

    def render(self) -> RenderableType:
        """Bars and table side by side where there is room; the picture below."""
        from rich.console import Group
        from rich.table import Table

        parts: list[RenderableType] = [self._progress.get_renderable()]
        if self._losses:
            losses = loss_table(self._losses, self._first, self._console.rich.width)
            if self._console.rich.width >= WIDE:
                grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
                grid.add_column(ratio=1)
                grid.add_column()
                grid.add_row(parts[0], losses)
                parts = [grid]
            else:
                parts.append(losses)
        if self._picture is not None:
            parts.append(self._picture)
        return Group(*parts)

    def _pull(self, name: str) -> float | None:
        """The norm of a loss's gradient when it was last measured."""
        known = self._losses.get(name)
        return None if known is None else known.grad_norm

    def _draw(self, event: Progress) -> None:
        from ..terminal.preview import HalfBlocks, due

        if due(event.step, event.steps):
            rich = self._console.rich
            # the bars, the table and a line for the shell's next prompt must stay in sight
            rows = min(24, rich.height - len(self._tasks) - len(self._losses) - 5)
            if rows >= 4:
                self._picture = HalfBlocks(event.preview(), min(64, rich.width - 1), rows)


def about(seconds: float) -> str:
    """A time that nobody knows exactly: "about 40 s"."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def loss_table(losses: Mapping[str, TermReport], first: Mapping[str, TermReport], width: int) -> Table:
    """The losses as a table; a narrow terminal keeps the columns that matter most. Change is against `first`."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    columns = [("loss", "left"), ("value", "right"), ("change", "right")]
    if width >= 60:
        columns = [columns[0], columns[1], ("weight", "right"), ("gradient", "right"), columns[2]]
    for name, justify in columns:
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # left or right
    for name, term in losses.items():
        change = term.value - first[name].value
        style = "green" if change < 0 else "red" if change > 0 else "dim"
        cells = {
            "loss": name,
            "value": f"{term.value:.4f}",
            "weight": f"{term.weight:g}",
            "gradient": "" if term.grad_norm is None else f"{term.grad_norm:.3g}",
            "change": f"{change:+.4f}",
        }
        table.add_row(*(Text(cells[column], style if column == "change" else "") for column, _ in columns))
    return table
