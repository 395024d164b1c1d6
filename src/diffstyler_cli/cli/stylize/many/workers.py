"""The way of a run to the workers of a Ray cluster, and what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ....remote import Place
from ...terminal.console import Console
from ...terminal.notices import Notices
from ..request import Request
from .cluster import ClusterRequest

if TYPE_CHECKING:
    from ....batch.jobs import Job
    from ....batch.ray_engine import RayEngine

CORES = {"lite": 1, "full": 8}
"""Of a worker that computes on a processor: what pays for networks of that size."""
MEMORY = {"lite": 3 << 29, "full": 8 << 30}
"""Bytes that such a worker may need."""


class Told(Protocol):
    """An account that tells of workers."""

    cluster: dict[str, Any]
    """What the JSON document says of them."""
    at: Callable[[], str] | None
    """Who is at work."""


def engine_on(
    asked: ClusterRequest, base: Request, model_set: str, folder: Place | None, console: Console, *, relative: bool
) -> RayEngine:
    """The engine.

    Args:
        base: has the machine's settings and the files of weights.
        folder: where the pictures go.
        relative: whether paths of jobs depend on the current folder, or may.

    Raises `UsageError`.
    """
    from ....batch.ray_cluster import Need
    from ....batch.ray_engine import RayEngine
    from ....weights.settings import CACHE_VARIABLE, read_settings

    device = base.machine().device
    need = Need({"cuda": True, "auto": None}.get(device, False), CORES[model_set], MEMORY[model_set])
    settings = read_settings(paths=base.weights)
    return RayEngine(
        asked.address,
        asked.workers,
        need,
        files=_files(base, model_set, settings.paths),
        environment={CACHE_VARIABLE: str(settings.cache)} if "cache" in settings.origins else {},
        folder=os.path.abspath(folder) if isinstance(folder, Path) else "",
        relative=relative,
        say=lambda text: console.say(text, "yellow"),
    )


def open_on(engine: RayEngine, work: Any, base: Request, console: Console, notices: Notices, account: Told) -> None:
    """Waits for the first worker and tells of it. Raises what is wrong with the cluster, or with the work there."""
    from ...models import LITE_NOTICE

    with console.working("Starting workers"):
        ready = engine.open(work)
    facts = dict(ready.facts)
    if facts["models"] == "lite" and base.machine().models != "lite":
        console.say(LITE_NOTICE, "yellow")
        notices.texts.append(LITE_NOTICE)
    notices.add(facts["notices"])
    account.cluster = {name: facts[name] for name in ("models", "device", "dtype", "load_seconds")}
    account.cluster["workers"] = engine.places
    account.at = lambda: _at(engine)
    where = f"{facts['device']}, {facts['dtype']}"
    count = _workers(engine.places)
    console.say(f"{facts['models']} models on {where}; {count}, the first after {ready.seconds:.1f} s", "dim")


def _at(engine: RayEngine) -> str:
    """Who is at work: "3 of 4 workers: a, b (2)"; nothing afterwards."""
    names = engine.workers()
    there = sum(names.values())
    told = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(names.items()))
    of = "" if there == engine.places else f"{there} of "
    return f"{of}{_workers(engine.places)}{f': {told}' if told else ''}" if engine.places else ""


def _workers(count: int) -> str:
    return f"{count} worker{'s' * (count != 1)}"


def is_relative(jobs: Iterable[Job]) -> bool:
    """Whether a path of some job depends on the current folder."""
    return any(_depends(path) for job in jobs for path in (job.photo, job.output))


def _files(base: Request, model_set: str, paths: Mapping[str, Any]) -> dict[str, str]:
    """The files that workers load, of those that options and the configuration name."""
    from ....models.choose import is_lite

    named = base.weights
    used = {key: path for key, path in paths.items() if key in named or model_set == "full" or is_lite(path)}
    return {key: str(path) for key, path in used.items() if path.is_file()}


def _depends(path: str) -> bool:
    return bool(path) and not os.path.isabs(path) and "://" not in path
