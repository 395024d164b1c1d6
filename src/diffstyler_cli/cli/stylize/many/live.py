"""What a person sees of a run of many photos: on a terminal one display that moves, elsewhere a line a picture."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ....batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome
from ....naming import without_secrets
from ...speeds import duration
from ...terminal.console import Console, escaped
from ..live import PHASES
from .account import ManyAccount

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ....pipeline import Progress

LATEST = 50
"""Pictures by which the pace is measured."""


class Display(Protocol):
    """Is told of the steps of the picture at hand, and of pictures that are through; from two threads."""

    def step(self, job: Job, event: Progress) -> None:
        """A step."""

    def tell(self, outcome: Outcome) -> None:
        """A picture."""


@contextmanager
def display(console: Console, account: ManyAccount) -> Iterator[Display]:
    """The display that fits the console."""
    if not console.live:
        yield Lines(console, account)
        return
    from rich.live import Live

    board = Board(console, account)
    with console.moving(Live(get_renderable=board.render, console=console.rich, refresh_per_second=4)):
        yield board


class Lines:
    """A line a picture; one for all that are there already."""

    def __init__(self, console: Console, account: ManyAccount) -> None:
        self._console = console
        self._account = account

    def step(self, job: Job, event: Progress) -> None:
        pass

    def tell(self, outcome: Outcome) -> None:
        if outcome.status == SKIPPED and self._account.total is not None:
            return
        counts = self._account.counts
        of = "" if self._account.total is None else f"/{self._account.total}"
        self._console.say(f"{sum(counts.values())}{of} {line(outcome)}", "red" if outcome.status == FAILED else "")


class Board:
    """Counts, pace, time left, and the picture at hand; failures stay above it."""

    def __init__(self, console: Console, account: ManyAccount) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = console
        self._account = account
        self._times: deque[float] = deque([time.monotonic()], maxlen=LATEST)
        self._at = ""
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[told]}"),
            console=console.rich, auto_refresh=False, expand=True,
        )  # fmt: skip
        self._all = self._bar.add_task("Pictures", total=account.total, told="")
        self._one = self._bar.add_task("", total=1, told="", visible=account.at is None)

    def step(self, job: Job, event: Progress) -> None:
        self._at = without_secrets(job.photo)
        phase = PHASES.get(event.phase, event.phase)
        self._bar.update(
            self._one, total=event.steps, completed=event.step, description=phase, told=f"{event.step}/{event.steps}"
        )

    def tell(self, outcome: Outcome) -> None:
        if outcome.status == DONE:
            self._times.append(time.monotonic())
        if outcome.status == FAILED or outcome.notes:
            self._console.say(line(outcome), "red" if outcome.status == FAILED else "yellow")

    def render(self) -> RenderableType:
        """Two bars and two lines."""
        from rich.console import Group
        from rich.text import Text

        account, counts = self._account, self._account.counts
        through = sum(counts.values())
        of = "" if account.total is None else f"/{account.total}"
        self._bar.update(self._all, completed=through, total=account.total, told=f"{through}{of}")
        words = [f"{counts[DONE]} done", f"{counts[FAILED]} failed", f"{counts[SKIPPED]} there already"]
        pace = self._pace()
        if pace is not None:
            words.append(f"{60 / pace:.3g} a minute")
            if account.total is not None and account.total > through:
                words.append(f"about {duration(pace * (account.total - through))} left")
        at = Text(escaped(self._at if account.at is None else account.at()), "dim", overflow="ellipsis", no_wrap=True)
        return Group(self._bar.get_renderable(), Text(", ".join(words)), at)

    def _pace(self) -> float | None:
        """Seconds a picture, lately."""
        times = list(self._times)
        return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else None


def line(outcome: Outcome) -> str:
    """A picture on one line."""
    job = outcome.job
    photo, output = without_secrets(job.photo) or f"line {job.number}", without_secrets(job.output)
    if outcome.status == FAILED:
        before = " before" if outcome.again else ""
        return f"{photo}: failed{before}: {outcome.message}"
    if outcome.status == SKIPPED:
        return f"{photo}: {output} is there already"
    notes = f"; {'; '.join(outcome.notes)}" if outcome.notes else ""
    seconds = outcome.seconds.get("total", 0.0) + outcome.seconds.get("write", 0.0)
    return f"{photo}: {output} in {seconds:.1f} s{notes}"
