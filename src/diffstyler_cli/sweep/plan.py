"""The plan of a sweep: its cells, where each stands in which grid, what they share, and what it all costs."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..config import StylizeConfig
from ..errors import UsageError
from ..naming import beginning, cut, slug
from ..pipeline.forecast import Evaluations, free_evaluations, sampling_evaluations
from ..pipeline.places import PlaceMaps
from ..prompts import parse_prompt
from ..strength import MIDDLE
from .axes import MOST_CELLS, PROMPT, Axis, axes

MOST_TOLD = 4
"""Of the reasons why cells cannot be, and of equal values, how many a message tells."""


@dataclass(frozen=True)
class Cell:
    """One picture of a sweep."""

    index: int
    values: Mapping[str, Any]
    """By axis name."""
    config: StylizeConfig
    """Every setting, the seed among them."""
    prompts: tuple[str, ...]
    grid: int
    row: int
    column: int
    file: str
    """Where it goes in the sweep's folder, as text (`Folder.place`): cells/07-lambda-0.25-t1-1.2x.png"""
    impossible: str = ""
    """Why its values exclude each other; "" where they do not."""


@dataclass(frozen=True)
class Group:
    """Cells that start from the same free diffusion, in batches of those that differ in λ and recolouring alone."""

    batches: tuple[tuple[Cell, ...], ...]

    @property
    def config(self) -> StylizeConfig:
        """Settings of the free diffusion; those that it does not depend on are of any cell."""
        return self.batches[0][0].config

    @property
    def start(self) -> tuple[Any, ...]:
        """What the free diffusion depends on."""
        return free_start(self.config)


class Plan:
    """Every combination of the axes' values, laid out: the first axis gives columns, the second rows, others grids.

    Args:
        config: every setting, with the seed that cells have where it is no axis.
        ranges: values by setting, and by `PROMPT` where several prompts are compared; single values are fixed.
        prompts: what all cells ask for, where prompts are no axis.
        styles: how many style images there are, and their weights.
        model_set: "lite" or "full", along whose path a strength goes.
        places: the masks that all cells have.

    Cells whose values exclude each other keep their place in the layout and are not made. Raises `UsageError` where no
    cell is left, and for more than `MOST_CELLS` cells.
    """

    def __init__(
        self,
        config: StylizeConfig,
        ranges: Mapping[str, Sequence[Any]],
        prompts: Sequence[str],
        styles: Sequence[float | None] = (),
        model_set: str = "lite",
        places: PlaceMaps | None = None,
    ) -> None:
        fixed = {name: values[0] for name, values in ranges.items() if len(values) == 1}
        self.prompts = (str(fixed.pop(PROMPT)),) if PROMPT in fixed else tuple(prompts)
        self.config = config.with_overrides(fixed, model_set)
        self._fixed, self._model_set = fixed, model_set
        self.styles = tuple(styles)
        self.places = places
        self.regions = tuple(places.prompts) if places else ()
        """The prompts of the regions."""
        self.axes = axes(ranges)
        count = math.prod(len(axis.values) for axis in self.axes)
        if count > MOST_CELLS:
            raise UsageError(f"The axes make {count} pictures, more than {MOST_CELLS}.", "Give fewer values.")
        self.cells = tuple(self._cells(count))
        self.possible = tuple(cell for cell in self.cells if not cell.impossible)
        """The cells that can be made."""
        if not self.possible:
            raise UsageError(f"No picture can be made: {self._reasons()}.", "Raise --t1, or lower --steps.")

    # --- layout ------------------------------------------------------------------------------------------------------
    @property
    def columns(self) -> Axis | None:
        """The axis across; None for a single picture."""
        return self.axes[0] if self.axes else None

    @property
    def rows(self) -> Axis | None:
        """The axis down, if there is one."""
        return self.axes[1] if len(self.axes) > 1 else None

    @property
    def shape(self) -> tuple[int, int]:
        """(columns, rows) of each grid."""
        return (len(self.columns.values) if self.columns else 1, len(self.rows.values) if self.rows else 1)

    @property
    def grids(self) -> list[list[Cell]]:
        """The cells of each grid, row by row."""
        size = math.prod(self.shape)
        return [list(self.cells[first : first + size]) for first in range(0, len(self.cells), size)]

    def grid_values(self, grid: int) -> dict[Axis, Any]:
        """What all cells of a grid have in common, of the axes beyond its two."""
        first = self.grids[grid][0]
        return {axis: first.values[axis.name] for axis in self.axes[2:]}

    def notices(self) -> list[str]:
        """What a person should know about the values before anything is made."""
        told = []
        left_out = len(self.cells) - len(self.possible)
        if left_out:
            told.append(f"Left out, {left_out} of {len(self.cells)} pictures: {self._reasons()}.")
        same = [self._equal_values(cells) for cells in self.same if len(cells) > 1]
        if same:
            told.append(f"Values that come to the same picture, which is made once: {_listed(same)}.")
        return told

    def _reasons(self) -> str:
        return _listed([cell.impossible.removesuffix(".") for cell in self.cells if cell.impossible])

    def _equal_values(self, cells: Sequence[Cell]) -> str:
        """The values in which cells that are the same picture differ: "--t1 1.0x = 1.05x (4 steps)"."""
        words = []
        for axis in self.axes:
            values = list(dict.fromkeys(axis.label(cell.values[axis.name]) for cell in cells))
            values = list(map(cut, values)) if axis.name == PROMPT else values
            if len(values) > 1:
                steps = f" ({cells[0].config.t1_steps()} steps)" if axis.name == "t1" else ""
                words.append(f"{axis.flag} {' = '.join(values)}{steps}")
        return " with ".join(words)

    # --- work --------------------------------------------------------------------------------------------------------
    @cached_property
    def same(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells that can be made, those that come to the same picture together."""
        found: dict[Any, list[Cell]] = {}
        for cell in self.possible:
            found.setdefault(self._picture(cell), []).append(cell)
        return tuple(map(tuple, found.values()))

    @cached_property
    def drawings(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells that can be made, those together that one sampling makes: they differ in recolouring alone."""
        found: dict[Any, list[Cell]] = {}
        for cells in self.same:
            config, asked = self._picture(cells[0])
            found.setdefault((dataclasses.replace(config, keep_color=0.0), asked), []).extend(cells)
        return tuple(map(tuple, found.values()))

    def _picture(self, cell: Cell) -> tuple[StylizeConfig, Any]:
        """What a cell's picture depends on: T1 in steps, and --prompt-weight only by what has no weight of its own."""
        config, default = cell.config, cell.config.prompt_weight
        prompts = [parse_prompt(text) for text in cell.prompts]
        asked = tuple((prompt.text, default if prompt.weight is None else prompt.weight) for prompt in prompts)
        weight = default if None in (*self.styles, *(prompt.weight for prompt in self.regions)) else 0.0
        # what a strength comes to is in the other settings
        plain = dataclasses.replace(config, t1=str(config.t1_steps()), prompt_weight=weight, strength=MIDDLE)
        return plain, asked

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The cells that can be made, in the order in which they are."""
        groups: dict[Any, dict[Any, list[Cell]]] = {}
        for cell in self.possible:
            c = cell.config
            batches = groups.setdefault(free_start(c), {})
            # the seed outside of what else differs: the contrastive loss keeps what belongs to the latest
            together = (c.seed, dataclasses.replace(c, lam=0.0, keep_color=0.0), cell.prompts)
            batches.setdefault(together, []).append(cell)
        return tuple(
            Group(tuple(tuple(batch) for _, batch in sorted(batches.items(), key=lambda item: item[0][0] or 0)))
            for batches in groups.values()
        )

    def shares(self, missing: Collection[int], at_least: int = 1) -> list[tuple[int, ...]]:
        """The `missing` cells, by index, in parts that can be made apart from each other: those of a group together.

        Where that makes fewer than `at_least` parts, the groups with most batches are dealt out further; each part then
        does the free diffusion of its group again. What one batch makes at once is never taken apart.
        """
        with_first: dict[int, list[int]] = {}
        for cells in self.same:
            left = [cell.index for cell in cells if cell.index in missing]
            if left:
                with_first[left[0]] = left
        parts = []
        for group in self.groups:
            batches = [[n for c in batch for n in with_first.get(c.index, ())] for batch in group.batches]
            parts.append([batch for batch in batches if batch])
        parts = [part for part in parts if part]
        while len(parts) < at_least and max(map(len, parts), default=1) > 1:
            place = max(range(len(parts)), key=lambda n: len(parts[n]))
            whole, half = parts[place], (len(parts[place]) + 1) // 2
            parts[place : place + 1] = [whole[:half], whole[half:]]
        return [tuple(n for batch in part for n in batch) for part in parts]

    def cell_evaluations(self, cell: Cell) -> Evaluations:
        """Of the sampling of one cell, and of the updates of its noise."""
        config = self.places.counted(cell.config) if self.places else cell.config
        regions = [prompt.weight for prompt in self.regions]
        return sampling_evaluations(config, (*_weights(cell.prompts), *self.styles), regions)

    def evaluations(self) -> Evaluations:
        """Of the whole sweep."""
        shared = [free_evaluations(group.config) for group in self.groups]
        return sum((self.cell_evaluations(cells[0]) for cells in self.drawings), sum(shared, Evaluations()))

    def separate_evaluations(self) -> Evaluations:
        """Of one `stylize` a cell."""
        free = (free_evaluations(cell.config) for cell in self.possible)
        return sum(map(self.cell_evaluations, self.possible), sum(free, Evaluations()))

    # --- identity ----------------------------------------------------------------------------------------------------
    def description(self) -> dict[str, Any]:
        """What the plan asks for, as JSON: two plans with the same description make the same cells."""
        varying = {axis.name for axis in self.axes}
        settings = {k: v for k, v in dataclasses.asdict(self.config).items() if k not in varying}
        return {
            "axes": {axis.name: list(axis.values) for axis in self.axes},
            "prompts": [] if PROMPT in varying else list(self.prompts),
            "settings": settings,
        }

    def _cells(self, count: int) -> Iterator[Cell]:
        # the first axis runs fastest, then the second: cells come grid by grid, row by row
        outer = [axis.values for axis in reversed(self.axes)]
        columns, rows = self.shape
        for index, combination in enumerate(itertools.product(*outer)):
            values = dict(zip((axis.name for axis in reversed(self.axes)), combination, strict=True))
            values = {axis.name: values[axis.name] for axis in self.axes}
            prompts = (str(values[PROMPT]),) if PROMPT in values else self.prompts
            settings = {name: value for name, value in values.items() if name != PROMPT}
            if "strength" in settings:  # it moves what is not given
                settings = self._fixed | settings
            config = self.config.with_overrides(settings, self._model_set)
            words = [f"{a.flag.lstrip('-')}-{_short(a, values[a.name])}" for a in self.axes]
            name = "-".join([f"{index + 1:0{len(str(count))}d}", *words])
            grid, place = divmod(index, columns * rows)
            row, column = divmod(place, columns)
            # file names have a limit, and many axes make a long one; the number in front tells cells apart
            file = f"cells/{beginning(name, 160)}.png"
            yield Cell(index, values, config, prompts, grid, row, column, file, _impossible(config))


def free_start(config: StylizeConfig) -> tuple[Any, ...]:
    """What free diffusion depends on: cells that agree in it start from the same."""
    return config.t1_steps(), config.steps, config.solver, config.round_trip


def digest(description: Mapping[str, Any]) -> str:
    """A fingerprint of a JSON value."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _listed(texts: Sequence[str]) -> str:
    """Each text once, the first few of many."""
    once = list(dict.fromkeys(texts))
    more = [f"and {len(once) - MOST_TOLD} more"] if len(once) > MOST_TOLD else []
    return "; ".join(once[:MOST_TOLD] + more)


def _impossible(config: StylizeConfig) -> str:
    """Why no picture has these settings; "" where one can have them."""
    try:
        return config.validate().no_round_trip()
    except UsageError as error:
        return error.message


def _weights(prompts: Sequence[str]) -> list[float | None]:
    return [parse_prompt(prompt).weight for prompt in prompts]


def _short(axis: Axis, value: Any) -> str:
    return slug(str(value), longest=40) if axis.name == PROMPT else axis.label(value)
