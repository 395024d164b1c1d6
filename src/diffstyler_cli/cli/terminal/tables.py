"""Tables in one look, of text from files that nobody vouches for: it is escaped, and cut where it is long."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ...naming import exact
from .console import escaped

if TYPE_CHECKING:
    from rich.console import RenderableType

LONGEST = 160
"""Characters of a value from a file that are shown; --json has all of them."""
MOST = 12
"""Rows of a list from a file that are shown."""


def facts_grid(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and values, one a line; rows without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(Text(brief(name, 24)), Text(value))
    return grid


def brief(value: object, longest: int = LONGEST) -> str:
    """A value on one line, escaped, and cut where it is long."""
    if isinstance(value, float):
        return exact(value)
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    except ValueError:  # a whole number of thousands of digits
        text = "a number too long to show"
    if len(text) > longest:
        return f"{escaped(text[:longest])}… ({len(text):,} characters)"
    return escaped(text)


def section(title: str, *parts: RenderableType) -> RenderableType:
    """Parts under a heading."""
    return Group("", Text(title, "bold"), *parts)


def plain_table(*columns: tuple[str, str]) -> Table:
    """An empty table of columns with their names and "left" or "right"."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    for name, justify in columns:
        table.add_column(Text(brief(name, 32)), justify=justify, overflow="fold")  # type: ignore[arg-type]  # left or right
    return table


def fitted(width: int, columns: Sequence[tuple[str, str, int]], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A table of the columns for which there is room: each has its name, side, and the width from which it is shown."""
    shown_ones = [index for index, (_, _, least) in enumerate(columns) if width >= least]
    table = plain_table(*(columns[index][:2] for index in shown_ones))
    for row in rows:
        table.add_row(*(row[index] for index in shown_ones))
    return table


def number_text(value: float | None, form: str) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:{form}}"


def first_few(table: Mapping[str, Any], most: int = MOST) -> Iterable[tuple[str, Any]]:
    yield from list(table.items())[:most]
    if len(table) > most:
        yield "...", f"and {len(table) - most} more"
