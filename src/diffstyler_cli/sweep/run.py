"""Carries a plan out: what cells share is computed once, λ runs as a batch, finished cells are never made again."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterator, Mapping, Sequence
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
from .folder import Folder, Made
from .plan import Cell, Group, Plan
from .scores import Scorer

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
    """Makes the missing cells of a plan.

    Args:
        folder: claimed; the cells that it holds are taken as they are.
        batch: how many cells to make at once; None for as many as the free memory allows. Halved where it runs out.
    """

    def __init__(
        self,
        plan: Plan,
        stylizer: Stylizer,
        image: LoadedImage,
        style_images: Sequence[StylePicture],
        folder: Folder,
        batch: int | None = None,
        palette: LoadedImage | None = None,
    ) -> None:
        self.plan = plan
        self.stylizer = stylizer
        self.folder = folder
        self.style_images = tuple(style_images)
        self.palette = palette
        self.subjects = make_subjects(stylizer.components, image, plan.config, stylizer.device, plan.places)
        self.subject = self.subjects[-1]
        self.batch = batch or self._auto_batch()
        self.notices: list[str] = []
        self.made: dict[int, Made] = {}
        self.failed: dict[int, Exception] = {}
        for cell in plan.possible:
            made = folder.made(cell)
            if made is not None:
                self.made[cell.index] = made
        self.resumed = len(self.made)
        self.scorer = Scorer(stylizer.components, self.subject)
        # of missing cells that come to the same picture the first is made, and written for all
        missing = (tuple(c for c in cells if c.index not in self.made) for cells in plan.same)
        self._same = {cells[0].index: cells for cells in missing if cells}
        self._total = sum(_work(plan, cells[0]) for cells in self._same.values()) or 1.0
        self._done = 0.0

    def run(self) -> Iterator[Progress]:
        """Makes what is missing, yielding after every step.

        A cell that fails is noted in `failed` and the others go on; a batch that fails is tried again in halves.

        Raises:
            OutputError: a cell cannot be written.
            Exception: what torch raises where there is no memory even for a single cell.
        """
        for group in self.plan.groups:
            missing = (
                tuple(c for c in batch if c.index in self._same and c.index not in self.made) for batch in group.batches
            )
            left = tuple(filter(None, missing))
            if left:
                yield from self._group(Group(left))

    def conditions(self, cell: Cell) -> Conditions:
        """The cell's prompts and style images, embedded."""
        parts, device = self.stylizer.components, self.stylizer.device
        weight = cell.config.prompt_weight
        return make_conditions(parts, cell.prompts, self.style_images, weight, device, self.palette, self.plan.regions)

    @property
    def result_size(self) -> tuple[int, int]:
        """Size of the cells' pictures."""
        return self.plan.config.result_size(self.subject.loaded.original_size)

    def photo_scores(self) -> dict[str, float]:
        """The scores of the photo itself, against the first cell's prompts."""
        return self.scorer(self.subject.loaded.rgb, self.conditions(self.plan.possible[0]))

    # --- one group ---------------------------------------------------------------------------------------------------
    def _group(self, group: Group) -> Iterator[Progress]:
        """The cells that share a free diffusion."""
        cells = tuple(cell for batch in group.batches for cell in batch)
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
        shared = {"free": (time.monotonic() - began) / len(cells)}
        for batch in group.batches:
            yield from self._batch(batch, starts, shared)

    def _batch(
        self, cells: tuple[Cell, ...], starts: Sequence[Tensor], shared: Mapping[str, float]
    ) -> Iterator[Progress]:
        """Cells that differ in λ alone; in parts where they are too many, or where one of them fails."""
        waiting = [cells[i : i + self.batch] for i in range(0, len(cells), self.batch)]
        while waiting:
            part = waiting.pop(0)
            try:
                yield from self._sample(part, starts, shared)
                continue
            except Exception as error:
                if len(part) == 1 or isinstance(error, (OutputError, OSError)):
                    if _fatal(error):
                        raise
                    yield self._fail(part, error)
                    continue
                if out_of_memory(error):
                    self.batch = math.ceil(len(part) / 2)
                    self.notices.append(f"No memory for {len(part)} cells at once: going on with {self.batch}.")
            # outside of the handler, which keeps the tensors of the failed batch alive
            _release(self.stylizer.device)
            half = math.ceil(len(part) / 2)
            waiting[:0] = [part[:half], part[half:]]

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
        work = sum(_work(self.plan, cell) for cell in cells) / self._total
        before = self._done
        results: tuple[StylizeResult, ...] = ()
        for event in run_sampling(networks, self.subjects, conditions, objectives, starts, configs, timings):
            if isinstance(event, Finished):
                results = event.results
                continue
            part = event.step / event.steps if event.phase == "sample" else 0.0
            yield Progress(cells, event.phase, event.step, event.steps, before + work * part)
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
        self._done += sum(_work(self.plan, cell) for cell in cells) / self._total
        return Progress(self._all(cells), "failed", work=self._done)

    def _all(self, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        """With those that come to the same pictures."""
        return tuple(sorted((each for cell in cells for each in self._same[cell.index]), key=lambda each: each.index))

    def _auto_batch(self) -> int:
        """All λ of a row, or as many as fit into `MEMORY_SHARE` of the free memory."""
        free = free_memory(self.stylizer.device)
        longest = max(len(batch) for group in self.plan.groups for batch in group.batches)
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
