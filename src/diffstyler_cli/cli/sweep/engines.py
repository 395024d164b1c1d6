"""Who makes the cells of sweeps: this process, or workers of a cluster."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...batch.engine import Engine, LocalEngine
from ..terminal.console import Console
from ..terminal.notices import Notices
from .request import SweepRequest
from .work import SweepWork

if TYPE_CHECKING:
    from ..stylize.many.workers import Told


@dataclasses.dataclass(frozen=True)
class Hands:
    """An engine, and into how many jobs a sweep is dealt out at least: as many as it has workers."""

    engine: Engine
    parts: int = 1


@contextmanager
def hands_for(
    request: SweepRequest, work: SweepWork, folder: Path, photos: list[str], console: Console, notices: Notices,
    account: Told, given: Hands | None = None,
) -> Iterator[Hands]:  # fmt: skip
    """Who makes the cells of sweeps of `photos` in `folder`: with --engine ray workers, which have loaded the models.

    Raises what is wrong with the cluster.
    """
    if given is not None or request.cluster is None:
        yield given or Hands(LocalEngine())
        return
    from ..stylize.many.workers import engine_on, open_on

    base = dataclasses.replace(request.base, settings=request.settings())
    model_set = work.models.chosen(base.machine(), base.weights)
    relative = not all(map(os.path.isabs, (str(folder), *photos)))
    engine = engine_on(request.cluster, base, model_set, folder, console, relative=relative)
    try:
        open_on(engine, work, base, console, notices, account)
        yield Hands(engine, engine.places)
    finally:
        engine.close()
