"""The way of a run to the workers of a Ray cluster, and what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...terminal.console import Console
from ...terminal.notices import Notices
from .account import ManyAccount
from .cluster import ClusterRequest
from .request import ManyRequest
from .work import StylizeWork

if TYPE_CHECKING:
    from ....batch.jobs import Job
    from ....batch.ray_engine import RayEngine

CORES = {"lite": 1, "full": 8}
"""Of a worker that computes on a processor: what pays for networks of that size."""
MEMORY = {"lite": 3 << 29, "full": 8 << 30}
"""Bytes that such a worker may need."""


def engine_on(request: ManyRequest, work: StylizeWork, jobs: Iterable[Job] | None, console: Console) -> RayEngine:
    """The engine; `jobs` are those that are known, None where they come one by one. Raises `UsageError`."""
    from ....batch.ray_cluster import Need
    from ....batch.ray_engine import RayEngine
    from ....weights.settings import CACHE_VARIABLE, read_settings

    asked = request.cluster or ClusterRequest()
    device = request.base.machine().device
    need = Need({"cuda": True, "auto": None}.get(device, False), CORES[work.model_set], MEMORY[work.model_set])
    settings = read_settings(paths=request.base.weights)
    folder = os.path.abspath(request.folder) if isinstance(request.folder, Path) else ""
    return RayEngine(
        asked.address,
        asked.workers,
        need,
        files=_files(request, work, settings.paths),
        environment={CACHE_VARIABLE: str(settings.cache)} if "cache" in settings.origins else {},
        folder=folder,
        relative=jobs is None or any(_is_relative(path) for job in jobs for path in (job.photo, job.output)),
        say=lambda text: console.say(text, "yellow"),
    )


def open_on(
    engine: RayEngine, work: StylizeWork, request: ManyRequest, console: Console, notices: Notices, account: ManyAccount
) -> None:
    """Waits for the first worker and tells of it. Raises what is wrong with the cluster, or with the work there."""
    from ...models import LITE_NOTICE

    with console.working("Starting workers"):
        ready = engine.open(work)
    facts = dict(ready.facts)
    if facts["models"] == "lite" and request.base.machine().models != "lite":
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


def _files(request: ManyRequest, work: StylizeWork, paths: Mapping[str, Any]) -> dict[str, str]:
    """The files that workers load, of those that options and the configuration name."""
    from ....models.choose import is_lite

    named = request.base.weights
    used = {key: path for key, path in paths.items() if key in named or work.model_set == "full" or is_lite(path)}
    return {key: str(path) for key, path in used.items() if path.is_file()}


def _is_relative(path: str) -> bool:
    return bool(path) and not os.path.isabs(path) and "://" not in path
