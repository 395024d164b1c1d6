"""What a person sees of a `download`: tables of components and plans, and bars while files arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal

from ...weights.registry import ComponentSpec
from ..terminal.console import Console, escaped

if TYPE_CHECKING:
    from rich.table import Table

    from ...weights.cache import Cache
    from ...weights.fetch import Plan
    from ...weights.transfer import Progress

PLAIN_SECONDS = 10.0
"""Seconds between two plain lines of the same file."""


def component_table(components: Sequence[ComponentSpec], cache: Cache) -> Table:
    table = _table("name", "component", "role", "size", "cached", "licence")
    for component in components:
        entry = cache.find(component.key)
        part = cache.arrived(component.key)
        cached = f"{decimal(entry.size)} {entry.dtype}" if entry else f"{decimal(part)} arrived" if part else "no"
        row = (component.key, component.name, component.role, decimal(component.size), cached, component.licence)
        table.add_row(*row)
    return table


def plan_table(plans: Sequence[Plan]) -> Table:
    table = _table("name", "component", "role", "to fetch")
    for plan in plans:
        amount = "cached" if plan.entry else "is here" if plan.local else decimal(plan.bytes)
        table.add_row(plan.component.key, plan.component.name, plan.component.role, amount)
    return table


def places(rows: Iterable[tuple[str, object]]) -> str:
    return "\n".join(f"  {key:10} {escaped(place)}" for key, place in rows)


def facts_line(component: ComponentSpec) -> str:
    hashes = ", ".join(digest if len(digest) == 64 else f"{digest}…" for digest in component.sha256)
    return f"{component.parameters:>11,}  {hashes or 'as the source states it'}"


def first_places(plans: Sequence[Plan]) -> str:
    rows = ((plan.component.key, plan.source) for plan in plans if plan.entry is None)
    return f"First place that is tried:\n{places(rows)}"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in ("size", "to fetch") else "left")
    return table


Show = Callable[["ComponentSpec | str | None"], "Callable[[Progress], None]"]


@contextmanager
def display(console: Console, plans: Sequence[Plan]) -> Iterator[Show]:
    """Shows progress: a bar for each file and one for all on a live terminal, elsewhere a line now and then."""
    if not console.live:
        yield lambda component: _PlainLines(console, component)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bars = Progress(*columns, TimeRemainingColumn(), console=console.rich, transient=True)
    with console.moving(bars.live):
        total = sum(plan.bytes for plan in plans)
        whole = bars.add_task("all", total=total) if len(plans) > 1 and total else None
        yield lambda component: _Bar(console, bars, whole, component)


def _name(component: ComponentSpec | str | None) -> str:
    """What lines and bars call it; a network of others has its own name."""
    if isinstance(component, str):
        return component
    return component.role if component else "import"


class _PlainLines:
    """What happens to one file, as lines."""

    def __init__(self, console: Console, component: ComponentSpec | str | None) -> None:
        self.console = console
        self.name = _name(component)
        self.printed_at = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.note:
            self.console.say(progress.note)
        elif now - self.printed_at >= PLAIN_SECONDS:
            of = f" of {decimal(progress.total)}" if progress.total else ""
            self.console.say(f"{self.name}: {progress.step}, {decimal(progress.done)}{of}")
        else:
            return
        self.printed_at = now


class _Bar:
    """What happens to one file, as a bar; notes go above the bars."""

    def __init__(self, console: Console, bars: Any, whole: Any, component: ComponentSpec | str | None) -> None:
        self.console = console
        self.bars = bars
        self.whole = whole
        self.name = _name(component)
        self.task = bars.add_task(self.name, total=None)
        self.arrived: int | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.note:
            self.console.say(progress.note)
            return
        step = "" if progress.step == "download" else f": {progress.step}"
        self.bars.update(self.task, description=f"{self.name}{step}", completed=progress.done, total=progress.total)
        if progress.step == "download" and self.whole is not None:
            before = progress.done if self.arrived is None else self.arrived
            self.bars.advance(self.whole, max(0, progress.done - before))
            self.arrived = progress.done
