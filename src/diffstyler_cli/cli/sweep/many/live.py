"""What a person sees of the sweeps of many photos: on a terminal bars that move, elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ...speeds import duration
from ...stylize.live import PHASES, PLAIN_SECONDS
from ...terminal.console import Console, escaped
from .account import ManyAccount
from .plan import DONE, FAILED, SKIPPED, Entry

if TYPE_CHECKING:
    from ....sweep.run import Progress


class Display(Protocol):
    """Is told of the steps of the cells at hand, and of sweeps that are through; from several threads."""

    def step(self, entry: Entry, progress: Progress) -> None:
        """A step."""

    def tell(self, entry: Entry) -> None:
        """A sweep."""


@contextmanager
def display(console: Console, account: ManyAccount) -> Iterator[Display]:
    """The display that fits the console."""
    if not console.live:
        yield Lines(console, account)
        return
    board = Board(console, account)
    with console.moving(board.bars.live):
        yield board


class Lines:
    """A line a sweep, and one for cells of it now and then."""

    def __init__(self, console: Console, account: ManyAccount) -> None:
        self._console = console
        self._account = account
        self._printed_at = time.monotonic()

    def step(self, entry: Entry, progress: Progress) -> None:
        now, standing = time.monotonic(), entry.standing
        if standing is None or now - self._printed_at < PLAIN_SECONDS:
            return
        self._printed_at = now
        phase = PHASES.get(progress.phase)
        at = "" if phase is None else f", {phase.lower()} {progress.step}/{progress.steps}"
        count = f"{len(standing.made)}/{entry.cells} cells"
        self._console.say(f"{entry.number}/{len(self._account.entries)} {entry.photo}: {count}{at}")

    def tell(self, entry: Entry) -> None:
        self._printed_at = time.monotonic()
        self._console.say(line(entry, len(self._account.entries)), "red" if entry.status == FAILED else "")


class Board:
    """Three bars: sweeps, cells of the one at hand, steps; what is through scrolls up above them."""

    def __init__(self, console: Console, account: ManyAccount) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = console
        self._account = account
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[state]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console.rich, refresh_per_second=4, expand=True,
        )  # fmt: skip
        count = len(account.entries)
        self._all = self.bars.add_task("Sweeps", total=float(count), state=self._count())
        self._one = self.bars.add_task("Cells", total=1.0, state="")
        self._now = self.bars.add_task("Free diffusion", total=None, state="")

    def step(self, entry: Entry, progress: Progress) -> None:
        standing = entry.standing
        if standing is None:
            return
        through = sum(self._account.counts.values())
        self.bars.update(self._all, completed=through + progress.work, state=self._count())
        state = f"{len(standing.made)}/{entry.cells} of {escaped(entry.photo)[-40:]}"
        self.bars.update(self._one, completed=progress.work, state=state)
        if progress.phase in PHASES:
            if progress.step == 1:
                self.bars.reset(self._now, total=progress.steps)
            self.bars.update(
                self._now, description=PHASES[progress.phase], completed=progress.step,
                state=f"{progress.step}/{progress.steps}",
            )  # fmt: skip

    def tell(self, entry: Entry) -> None:
        self._console.say(line(entry, len(self._account.entries)), "red" if entry.status == FAILED else "dim")
        self.bars.update(self._all, completed=sum(self._account.counts.values()), state=self._count())
        self.bars.reset(self._one, total=1.0)

    def _count(self) -> str:
        return f"{sum(self._account.counts.values())}/{len(self._account.entries)}"


def line(entry: Entry, of: int) -> str:
    """A sweep on one line."""
    return f"{entry.number}/{of} {entry.photo}: {told(entry)}{''.join(f'; {note}' for note in entry.notes)}"


def told(entry: Entry) -> str:
    """What became of a sweep."""
    if entry.status == FAILED:
        return f"failed: {entry.message}"
    words = {DONE: f"{entry.made} cells in {duration(entry.seconds)}", SKIPPED: f"{entry.made} cells, there already"}
    return words[entry.status]
