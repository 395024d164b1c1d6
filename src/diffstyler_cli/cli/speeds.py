"""How fast this machine is: seconds a network evaluation and pixel, measured by finished runs, in the cache's folder.

Evaluations are counted in forward passes (`Evaluations.work`). A step's pace depends on what the losses are followed
through and, for small pictures, on the size, so both have measurements of their own; the median of the latest ones
counts. A file that cannot be read is one without measurements.
"""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..config import MachineConfig
from ..errors import DiffStylerError
from .keeping import dispensable, held, replace, tail

LARGEST = 1 << 18
"""Bytes of the file."""
MOST_KEYS = 32
LATEST = 9
"""Measurements that are kept of each kind."""
TELL = 20.0
"""Seconds from which on a run says before how long it will take."""
KINDS = ("free", "off", "none", "art", "both")
"""Free diffusion; sampling, by `pipeline.forecast.guidance`."""

Speeds = Mapping[tuple[str, int], list[float]]
"""Seconds by kind and class of size."""
Part = tuple[str, int, int]
"""Some of a run: its kind, its work in forward passes, its pixels."""


def read_speeds(machine: MachineConfig) -> Speeds:
    """What was measured here with these models, on that device."""
    found: dict[tuple[str, int], list[float]] = {}
    with dispensable("speeds"):
        for name, values in _read(_path()).get(_key(machine), {}).items():
            kind, _, size = name.partition(" ")
            found[kind, int(size)] = values
    return found


def estimate(speeds: Speeds, parts: Iterable[Part]) -> float | None:
    """Seconds for these parts of a run; None where nothing was measured yet."""
    total = 0.0
    for kind, work, pixels in parts:
        if not speeds:
            return None
        own = [key for key in speeds if key[0] == kind] or list(speeds)
        nearest = min(abs(size - _class(pixels)) for _, size in own)
        near = [value for key in own if abs(key[1] - _class(pixels)) == nearest for value in speeds[key]]
        total += statistics.median(near) * work * pixels
    return total


def learn(machine: MachineConfig, measured: Iterable[tuple[Part, float]]) -> None:
    """Notes how many seconds parts of a finished run took; where that cannot be, nothing happens."""
    rows = [(part, seconds) for part, seconds in measured if part[1] * part[2] > 0 and seconds > 0]
    if not rows:
        return
    with dispensable("speeds"):
        path = _path()
        with held(path, private=False):
            speeds = _read(path)
            key = _key(machine)
            table = speeds.pop(key, {})
            for (kind, work, pixels), seconds in rows:
                name = f"{kind} {_class(pixels)}"
                table[name] = [*table.get(name, []), float(f"{seconds / work / pixels:.4g}")][-LATEST:]
            kept = dict([*speeds.items(), (key, table)][-MOST_KEYS:])  # the latest last
            replace(path, json.dumps({"version": 1, "speeds": kept}, indent=1).encode("ascii"))


def duration(seconds: float) -> str:
    """A span for a person: "40 s", "6 min", "2.5 h"."""
    if seconds < 100:
        return f"{max(1.0, float(f'{seconds:.2g}')):.0f} s"
    if seconds < 100 * 60:
        return f"{float(f'{seconds / 60:.2g}'):.0f} min"
    return f"{float(f'{seconds / 3600:.2g}'):g} h"


def _path() -> Path:
    from ..weights.settings import read_settings

    try:
        return read_settings().cache / "speeds.json"
    except DiffStylerError as error:  # what is wrong there is said by what needs it
        raise ValueError(error.message) from error


def _key(machine: MachineConfig) -> str:
    """Of what a measurement holds for; threads are those that torch takes by itself."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS", "")[:8] or str(affinity)
    others = "".join(f"+{name}" for name in (machine.photo_model, machine.art_model) if name)
    return f"{machine.models}{others} {machine.device} {machine.dtype} {threads} threads"


def _class(pixels: int) -> int:
    """Sizes whose pixels differ by less than about four times are of one class: 256 x 256 is 8."""
    return round(math.log2(max(1, pixels)) / 2)


def _read(path: Path) -> dict[str, dict[str, list[float]]]:
    """What the file holds of what makes sense."""
    try:
        content: Any = json.loads(tail(path, LARGEST) or b"{}")
    except (ValueError, RecursionError):
        return {}
    speeds = content.get("speeds") if isinstance(content, dict) and content.get("version") == 1 else None
    found: dict[str, dict[str, list[float]]] = {}
    for key, table in list(speeds.items())[-MOST_KEYS:] if isinstance(speeds, dict) else ():
        rows = table.items() if isinstance(table, dict) and len(key) < 200 else ()
        found[key] = {name: values[-LATEST:] for name, values in rows if _is_name(name) and _are_speeds(values)}
    return found


def _is_name(name: str) -> bool:
    kind, _, size = name.partition(" ")
    return kind in KINDS and size in map(str, range(32))


def _are_speeds(values: Any) -> bool:
    if not (isinstance(values, list) and values):
        return False
    return all(isinstance(v, float) and math.isfinite(v) and 0 < v < 1e6 for v in values)
