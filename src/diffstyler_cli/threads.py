"""How torch's threads share the processor: told to OpenMP, which reads it once, when torch is imported.

By default torch starts a thread a core, whatever share of the cores a container was given, and a thread that waits for
another one spins for milliseconds: two programs at once on the same cores then mostly wait for each other.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

SPINS = "2000"
"""Turns that a waiting thread of GNU's OpenMP spins before it sleeps; its own default is 300,000."""
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def settle(environment: MutableMapping[str, str] | None = None) -> None:
    """Sets what the environment does not say itself. To be called before torch is imported."""
    environment = os.environ if environment is None else environment
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", SPINS)
    cores = cores_here()
    if cores < (os.cpu_count() or 1):
        environment.setdefault("OMP_NUM_THREADS", str(cores))


def cores_here() -> int:
    """Cores that this process may use: of its affinity, and no more than its cgroups' quota, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """The cores that each of the process's cgroups allows, from its own one up (versions 2 and 1)."""
    with suppress(OSError, ValueError):
        for line in OWN_CGROUP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            two = not controllers
            if not (two or "cpu" in controllers.split(",")):
                continue
            top = CGROUPS if two else CGROUPS / "cpu"
            place = top / path.lstrip("/")
            # in a container the path may be that of the host, and only the top is there
            for folder in dict.fromkeys((place, *place.parents, top)):
                if folder != top and top not in folder.parents:
                    continue
                with suppress(OSError, ValueError):
                    yield from _quota_two(folder) if two else _quota_one(folder)


def _quota_two(folder: Path) -> Iterator[float]:
    quota, period = (folder / "cpu.max").read_text().split()
    if quota != "max" and int(period) > 0:
        yield int(quota) / int(period)


def _quota_one(folder: Path) -> Iterator[float]:
    quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    if quota > 0 and period > 0:
        yield quota / period
