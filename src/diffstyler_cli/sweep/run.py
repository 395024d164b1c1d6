"""Carries a plan out: what cells share is computed once, λ runs as a batch, finished cells are never made again."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..device import free_memory
from ..errors import OutputError, out_of_memory
from ..images import LoadedImage
from ..pipeline import Finished, Stylizer, StylizeResult
from ..pipeline.conditions import Conditions, make_conditions
from ..pipeline.forecast import free_evaluations
from ..pipeline.sampling import make_objective, run_free, run_sampling
from ..pipeline.style_images import StylePicture
from ..pipeline.subject import make_subjects
from .axes import PROMPT
from .plan import Cell, Group, Plan
from .scorer import Scorer
from .standing import Standing

BYTES_PER_PIXEL = {"lite": 1_800, "full": 40_000}
"""Memory that a cell needs beyond the first, a pixel of the working size, when the art network guides."""
MEMORY_SHARE = 0.5
"""Of the memory that is free, how much a batch may take."""


@dataclass(frozen=True)
class Progress:
    """Where a sweep stands."""

    cells: tuple[Cell, ...]
    """Those that are being made; in phase "free" all that will start from it."""
    phase: str
    """As in `Event`; "made" when `cells` are written, "failed" when they could not be made."""
    step: int = 0
    steps: int = 0
    work: float = 0.0
    """Share of all that this process has to do, 0 to 1."""


class Runner:
    """Makes the missing cells of a sweep.

    Args:
        standing: of a folder that is claimed. Cells that it has are taken as they are; it is told of all that are made.
        batch: how many cells to make at once; None for as many as the free memory allows. Halved where it runs out.
    """

    def __init__(
        self,
        standing: Standing,
        stylizer: Stylizer,
        style_images: Sequence[StylePicture],
        batch: int | None = None,
        palette: LoadedImage | None = None,
    ) -> None:
        self.standing = standing
        self.plan, self.folder = standing.plan, standing.folder
        self.made, self.failed = standing.made, standing.failed
        self.stylizer = stylizer
        self.style_images = tuple(style_images)
        self.palette = palette
        plan, device = self.plan, stylizer.device
        self.subjects = make_subjects(stylizer.components, [standing.photo], plan.config, device, plan.places)
        self.subject = self.subjects[-1]
        self.batch = batch or self._auto_batch()
        self.notices: list[str] = []
        self.scorer = Scorer(stylizer.components, self.subject)
        # of missing cells that come to the same picture the first is made, and written for all
        missing = (tuple(c for c in cells if c.index not in self.made) for cells in plan.same)
        self._same = {cells[0].index: cells for cells in missing if cells}
        first = {cell.index: cells[0].index for cells in plan.drawings for cell in cells}
        self._drawing = {index: first[index] for index in self._same}
        weights = {index: _work(plan, plan.cells[index]) for index in set(self._drawing.values())}
        total = sum(weights.values()) or 1.0
        self._shares = {index: weight / total for index, weight in weights.items()}
        self._done = 0.0
        self._latest: tuple[Any, list[Tensor]] | None = None
        """The latest free diffusion: what it depends on, and its ends."""

    def run(self, among: Collection[int] | None = None) -> Iterator[Progress]:
        """Makes what is missing, or what is of it `among` these cells, yielding after every step.

        A cell that fails is noted in `failed` and the others go on; a batch that fails is tried again in halves. Last
        the photo itself is scored, where that is not known; also `among` no cells.

        Raises:
            OutputError: a cell cannot be written.
            Exception: what torch raises where there is no memory even for a single cell.
        """

        def wanted(cell: Cell) -> bool:
            return cell.index in self._same and cell.index not in self.made and (among is None or cell.index in among)

        for group in self.plan.groups:
            left = tuple(filter(None, (tuple(filter(wanted, batch)) for batch in group.batches)))
            if left:
                yield from self._group(Group(left))
        asked_for_alone = among is not None and not among
        if not self.standing.photo_scores and (self.made or asked_for_alone):
            self.standing.photo_scores = self.scorer(self.subject.loaded.rgb, self.conditions(self.plan.possible[0]))

    def conditions(self, cell: Cell) -> Conditions:
        """The cell's prompts and style images, embedded."""
        parts, device = self.stylizer.components, self.stylizer.device
        weight = cell.config.prompt_weight
        return make_conditions(parts, cell.prompts, self.style_images, weight, device, self.palette, self.plan.regions)

    # --- one group ---------------------------------------------------------------------------------------------------
    def _group(self, group: Group) -> Iterator[Progress]:
        """The cells that share a free diffusion."""
        cells = tuple(cell for batch in group.batches for cell in batch)
        if self._latest is not None and self._latest[0] == group.start:
            for batch in group.batches:
                yield from self._batch(batch, self._latest[1], {"free": 0.0})
            return
        self._latest = None
        starts, began = [subject.x0 for subject in self.subjects], time.monotonic()
        try:
            for free in run_free(self.stylizer.networks, self.subjects, group.config):
                starts[free.number] = free.x
                yield Progress(cells, "free", free.step, free.steps, self._done)
        except Exception as error:
            if _fatal(error):
                raise
            yield self._fail(cells, error)
            return
        self._latest = group.start, starts
        shared = {"free": (time.monotonic() - began) / len(cells)}
        for batch in group.batches:
            yield from self._batch(batch, starts, shared)

    def _batch(
        self, cells: tuple[Cell, ...], starts: Sequence[Tensor], shared: Mapping[str, float]
    ) -> Iterator[Progress]:
        """Cells that differ in λ and recolouring; in parts where they are too many, or where one of them fails."""
        drawings: dict[int, tuple[Cell, ...]] = {}
        for cell in cells:
            first = self._drawing[cell.index]
            drawings[first] = (*drawings.get(first, ()), cell)
        each = list(drawings.values())
        waiting = [each[i : i + self.batch] for i in range(0, len(each), self.batch)]
        while waiting:
            drawn = waiting.pop(0)
            part = tuple(cell for same in drawn for cell in same)
            try:
                yield from self._sample(part, starts, shared)
                continue
            except Exception as error:
                if len(drawn) == 1 or isinstance(error, (OutputError, OSError)):
                    if _fatal(error):
                        raise
                    yield self._fail(part, error)
                    continue
                if out_of_memory(error):
                    self.batch = math.ceil(len(drawn) / 2)
                    self.notices.append(f"No memory for {len(drawn)} cells at once: going on with {self.batch}.")
            # outside of the handler, which keeps the tensors of the failed batch alive
            _release(self.stylizer.device)
            half = math.ceil(len(drawn) / 2)
            waiting[:0] = [drawn[:half], drawn[half:]]

    def _sample(
        self, cells: tuple[Cell, ...], starts: Sequence[Tensor], shared: Mapping[str, float]
    ) -> Iterator[Progress]:
        """Makes, scores and writes cells together."""
        began = time.monotonic()
        configs = [cell.config for cell in cells]
        conditions = self.conditions(cells[0])
        parts = self.stylizer.components
        objectives = [make_objective(parts, subject, conditions, configs[0]) for subject in self.subjects]
        timings = {**shared, "prepare": (time.monotonic() - began) / len(cells)}
        networks = self.stylizer.networks
        work, before = self._share(cells), self._done
        firsts: dict[int, Cell] = {}
        for cell in cells:
            firsts.setdefault(self._drawing[cell.index], cell)
        results: tuple[StylizeResult, ...] = ()
        for event in run_sampling(networks, self.subjects, conditions, objectives, starts, configs, timings):
            if isinstance(event, Finished):
                results = event.results
                continue
            part = event.step / event.steps if event.phase == "sample" else 0.0
            yield Progress(tuple(firsts.values()), event.phase, event.step, event.steps, before + work * part)
        for cell, result in zip(cells, results, strict=True):
            scores = self.scorer(result.image, conditions)
            same = self._same[cell.index]
            for each in same:
                recipe = _recipe(result.recipe, each, len(same))
                self.made[each.index] = self.folder.keep(each, result.image, recipe, scores)
        self._done = before + work
        yield Progress(self._all(cells), "made", work=self._done)

    def _fail(self, cells: tuple[Cell, ...], error: Exception) -> Progress:
        self.failed.update({cell.index: error for cell in self._all(cells)})
        self._done += self._share(cells)
        return Progress(self._all(cells), "failed", work=self._done)

    def _share(self, cells: Sequence[Cell]) -> float:
        """Of all the work of this runner."""
        return sum(self._shares[first] for first in {self._drawing[cell.index] for cell in cells})

    def _all(self, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        """With those that come to the same pictures."""
        return tuple(sorted((each for cell in cells for each in self._same[cell.index]), key=lambda each: each.index))

    def _auto_batch(self) -> int:
        """All λ of a row, or as many as fit into `MEMORY_SHARE` of the free memory."""
        free = free_memory(self.stylizer.device)
        longest = max(len({c.config.lam for c in batch}) for group in self.plan.groups for batch in group.batches)
        if free is None:
            return longest
        factor = 2 if self.plan.config.guide == "both" else 1
        each = BYTES_PER_PIXEL[self.stylizer.name] * factor * self.subject.pixels[0, 0].numel()
        return max(1, min(longest, int(MEMORY_SHARE * free / each)))


def _recipe(made: Mapping[str, Any], cell: Cell, count: int) -> dict[str, Any]:
    """The recipe of a picture that `count` cells have in common, as one of them asks for it; they share the time."""
    values = {name: value for name, value in cell.values.items() if name != PROMPT}
    timings = {phase: round(seconds / count, 3) for phase, seconds in made["timings"].items()}
    return {**made, "settings": {**made["settings"], **values}, "timings": timings}


def _work(plan: Plan, cell: Cell) -> float:
    """About how long a cell takes, in units that only compare cells of one sweep."""
    passes = plan.cell_evaluations(cell).gflop()
    return passes + free_evaluations(cell.config).gflop() / max(1, len(plan.axes) and len(plan.axes[0].values))


def _fatal(error: Exception) -> bool:
    """Whether the other cells would meet the same: no memory for one cell, no way to write it."""
    return out_of_memory(error) or isinstance(error, (OutputError, OSError))


def _release(device: torch.device) -> None:
    """Gives back what a failed batch held."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
