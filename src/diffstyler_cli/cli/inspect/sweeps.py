"""A sweep's folder as `inspect` shows it: summary, best cells, Pareto front. From its manifest, which nobody trusts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from ...config import options
from ...errors import InputImageError
from ...naming import name_of
from ...recipe import number
from ...sweep.manifest import MANIFEST, read_manifest
from ..terminal.console import escaped
from ..terminal.tables import MOST, brief, facts_grid, plain_table, section

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Sweep:
    """A manifest of any version: docs/sweep.md."""

    folder: Path
    data: Mapping[str, Any]

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        return [cell for cell in _list(self.data.get("cells")) if isinstance(cell, dict)]

    @cached_property
    def axes(self) -> list[tuple[str, str]]:
        """Name and title of each axis."""
        found = [axis for axis in _list(self.data.get("axes")) if isinstance(axis, dict)]
        return [(str(axis.get("name")), str(axis.get("title") or axis.get("name"))) for axis in found]

    @cached_property
    def scores(self) -> list[str]:
        """Names of the scores, in the manifest's order."""
        named = self.data.get("scores")
        return [str(name) for name in (named if isinstance(named, dict) else {})]

    @property
    def front(self) -> list[dict[str, Any]]:
        """The cells that no other one with the same prompts beats in style and in content."""
        return [cell for cell in self.cells if cell.get("pareto") is True]

    def best(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """For each score the cell where it is highest."""
        for name in self.scores:
            scored = [(value, cell) for cell in self.cells if (value := score(cell, name)) is not None]
            if scored:
                yield name, max(scored, key=lambda pair: pair[0])[1]

    def path(self, cell: Mapping[str, Any]) -> Path:
        """The cell's file; never one outside of the folder, whatever the manifest says."""
        return self.folder / "cells" / name_of(Path(str(cell.get("file", ""))).name)


def read_sweep(folder: Path) -> Sweep:
    """The sweep in `folder`. Raises `InputImageError` if it holds none that can be read."""
    path = folder / MANIFEST
    advice = "Name a picture, or the folder that diffstyler sweep made."
    try:
        data = read_manifest(folder)
    except FileNotFoundError:
        raise InputImageError(f"{escaped(folder)} is a folder without a {MANIFEST}: no sweep's.", advice) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputImageError(f"{escaped(path)} cannot be read as the manifest of a sweep.", advice) from error
    return Sweep(folder, data)


def report(sweep: Sweep) -> RenderableType:
    """Summary, best cells and Pareto front."""
    states = [cell.get("status") for cell in sweep.cells]
    counts = [
        f"{states.count(state)} {state}" for state in ("done", "failed", "missing", "impossible") if state in states
    ]
    head = Text.assemble(
        (brief(str(sweep.folder)), "bold"), "  ", (f"sweep of {len(states)} pictures: {', '.join(counts)}", "dim")
    )
    identity = sweep.data.get("sweep")
    settings = identity.get("settings") if isinstance(identity, dict) else None
    fixed = settings if isinstance(settings, dict) else {}
    rows = [("made by", f"diffstyler {brief(sweep.data.get('version', '?'))}")]
    for axis in _list(sweep.data.get("axes"))[:MOST]:
        if isinstance(axis, dict):
            values = ", ".join(brief(value, 40) for value in _list(axis.get("values"))[:MOST])
            rows.append((str(axis.get("title") or axis.get("name")), values))
    prompts = identity.get("prompts") if isinstance(identity, dict) else None
    rows.append(("prompts", ", ".join(brief(prompt) for prompt in _list(prompts)[:MOST])))
    kept = ("lam", "t1", "steps", "solver", "seed", "size", "models", "device")
    named = [f"{options()[n].flag} {brief(fixed[n])}" for n in kept if fixed.get(n) is not None]
    rows.append(("everywhere", ", ".join(named)))
    parts: list[RenderableType] = [head, facts_grid(rows)]
    best = list(sweep.best())
    if best:
        parts.append(section("Best cells", _cells(sweep, [cell for _, cell in best], [name for name, _ in best])))
    front = sorted(sweep.front, key=lambda cell: -(score(cell, "clip") or 0.0))
    if front:
        note = Text("No other cell has both a higher CLIP score and a higher content score.", "dim")
        parts.append(section("Pareto front", note, _cells(sweep, front[: 2 * MOST])))
    wrong = [cell for cell in sweep.cells if cell.get("status") == "failed"][:MOST]
    if wrong:
        lines = [(f"cell {brief(cell.get('cell'))}", brief(cell.get("error"))) for cell in wrong]
        parts.append(section("Failed", facts_grid(lines)))
    if "missing" in states or wrong:
        parts.append(
            Text("The same diffstyler sweep command, with this folder as -o, makes what is missing.", "yellow")
        )
    return Group(*parts)


def _cells(sweep: Sweep, cells: Sequence[Mapping[str, Any]], best: Sequence[str] = ()) -> RenderableType:
    columns = [("highest", "left")] * bool(best) + [("cell", "right")] + [(title, "right") for _, title in sweep.axes]
    table = plain_table(*columns, *((name, "right") for name in sweep.scores))
    for index, cell in enumerate(cells):
        values = cell.get("values")
        words = [brief(values.get(name), 40) if isinstance(values, dict) else "" for name, _ in sweep.axes]
        numbers = [score(cell, name) for name in sweep.scores]
        table.add_row(
            *([brief(best[index])] if best else []),
            brief(cell.get("cell")),
            *words,
            *("–" if value is None else f"{value:.3g}" for value in numbers),
        )
    return table


def score(cell: Mapping[str, Any], name: str) -> float | None:
    """A cell's score; None where it has none."""
    scores = cell.get("scores")
    return number(scores.get(name)) if isinstance(scores, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
