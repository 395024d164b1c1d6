"""`--engine ray`: what is asked of a cluster, and the way of a run to its workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....errors import UsageError
from ....naming import cut
from ...options import whole
from ...terminal.console import Console
from ...terminal.notices import Notices
from .account import ManyAccount

if TYPE_CHECKING:
    from ....batch.jobs import Job
    from ....batch.ray_engine import RayEngine
    from .request import ManyRequest
    from .work import StylizeWork

LOCAL, RAY = "local", "ray"
MOST_WORKERS = 100_000
CORES = {"lite": 1, "full": 8}
"""Of a worker that computes on a processor: what pays for networks of that size (docs/many.md)."""
MEMORY = {"lite": 3 << 29, "full": 8 << 30}
"""Bytes that such a worker may need."""


@dataclass(frozen=True)
class ClusterRequest:
    """Which cluster, None for the one that is found or started; and how many workers, None for as many as fit."""

    address: str | None = None
    workers: int | None = None

    def words(self) -> list[str]:
        """On a command line."""
        address = [] if self.address is None else ["--address", self.address]
        workers = [] if self.workers is None else ["--workers", str(self.workers)]
        return ["--engine", RAY, *address, *workers]


def cluster_of(engine: str | None, address: str | None, workers: str | None) -> ClusterRequest | None:
    """What the options ask for; None for this process. Raises `UsageError` for what is none, or has no effect."""
    if engine not in (None, LOCAL, RAY):
        raise UsageError(f"--engine {cut(str(engine))} is no engine.", f"Give {LOCAL} or {RAY}.")
    if engine != RAY:
        for flag, value in (("--address", address), ("--workers", workers)):
            if value is not None:
                raise UsageError(
                    f"{flag} has no effect without --engine {RAY}.", f"Add --engine {RAY}, or leave it out."
                )
        return None
    if address is not None and not address.strip():
        raise UsageError("--address is empty.", "Give HOST:PORT, ray://HOST:PORT or auto.")
    count = None if workers is None else whole("--workers", workers, low=1, high=MOST_WORKERS, example=4)
    return ClusterRequest(address, count)


def engine_on(request: ManyRequest, work: StylizeWork, jobs: Iterable[Job] | None, console: Console) -> RayEngine:
    """The engine; `jobs` are those that are known, None where they come one by one. Raises `UsageError`."""
    from ....batch.ray_cluster import Need
    from ....batch.ray_engine import RayEngine
    from ....weights.settings import CACHE_VARIABLE, read_settings

    asked = request.cluster or ClusterRequest()
    device = request.base.machine().device
    need = Need({"cuda": True, "auto": None}.get(device, False), CORES[work.model_set], MEMORY[work.model_set])
    settings = read_settings(paths=request.base.weights)
    folder = "" if request.folder is None or "://" in str(request.base.output) else os.path.abspath(request.folder)
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
    count = f"{engine.places} worker{'s' * (engine.places != 1)}"
    console.say(f"{facts['models']} models on {where}; {count}, the first after {ready.seconds:.1f} s", "dim")


def _at(engine: RayEngine) -> str:
    """Who is at work: "3 of 4 workers: a, b (2)"."""
    names = engine.workers()
    there = sum(names.values())
    told = ", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(names.items()))
    of = "" if there == engine.places else f" of {engine.places}"
    return f"{there}{of} workers{f': {told}' if told else ''}"


def _files(request: ManyRequest, work: StylizeWork, paths: Mapping[str, Any]) -> dict[str, str]:
    """The files that workers load, of those that options and the configuration name."""
    from ....models.choose import is_lite

    named = request.base.weights
    used = {key: path for key, path in paths.items() if key in named or work.model_set == "full" or is_lite(path)}
    return {key: str(path) for key, path in used.items() if path.is_file()}


def _is_relative(path: str) -> bool:
    return bool(path) and not os.path.isabs(path) and "://" not in path
