"""How long a sweep will take, and how long its steps took."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ...pipeline.forecast import free_evaluations, guidance, mean_pixels
from ..speeds import Part, estimate, learn, read_speeds

if TYPE_CHECKING:
    from ...images import LoadedImage
    from ...sweep.plan import Plan
    from ...sweep.run import Progress
    from ...sweep.standing import Standing


def parts(plan: Plan, photo: LoadedImage, made: Collection[int] = ()) -> Iterator[Part]:
    """The work of a sweep without the cells that are `made`, by their index."""
    pixels = mean_pixels(plan.config, photo)
    for group in plan.groups:
        if any(cell.index not in made for batch in group.batches for cell in batch):
            yield "free", free_evaluations(group.config).work, pixels
    for cells in plan.drawings:
        if any(cell.index not in made for cell in cells):
            yield guidance(cells[0].config), plan.cell_evaluations(cells[0]).work, pixels


class Pace:
    """Measures a sweep while it runs, step by step. First steps, before which something is prepared, do not count."""

    def __init__(self, standing: Standing) -> None:
        self._plan, self._photo, self._machine = standing.plan, standing.photo, standing.machine
        self._pixels = mean_pixels(standing.plan.config, standing.photo)
        self._before = time.monotonic()
        self._spent: dict[str, tuple[float, float]] = {}

    def estimate(self, made: Collection[int]) -> float | None:
        """Seconds for the cells that are missing; None where nothing was measured yet."""
        return estimate(read_speeds(self._machine), parts(self._plan, self._photo, made))

    def saw(self, progress: Progress) -> None:
        """Notes how long the step took that `progress` reports."""
        now = time.monotonic()
        seconds, self._before = now - self._before, now
        if progress.step < 2 or progress.phase not in ("free", "sample"):
            return
        cells, free = progress.cells, progress.phase == "free"
        kind = "free" if free else guidance(cells[0].config)
        counted = [free_evaluations(cells[0].config)] if free else map(self._plan.cell_evaluations, cells)
        work, spent = self._spent.get(kind, (0.0, 0.0))
        self._spent[kind] = work + sum(each.work for each in counted) / progress.steps, spent + seconds

    def learn(self) -> None:
        """Keeps what was measured."""
        learn(
            self._machine,
            [((kind, round(work), self._pixels), seconds) for kind, (work, seconds) in self._spent.items()],
        )
