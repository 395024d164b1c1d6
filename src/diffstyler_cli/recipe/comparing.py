"""Two recipes side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .lenient import Path, dotted


def same_but_for_time(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two recipes are of the same run in all but how long it took."""
    return {**one, "timings": None} == {**other, "timings": None}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two recipes say differently: path -> both values, None where one says nothing.

    What every run has anew (losses, their steps, timings) is left out.
    """
    left, right = dict(_flat(one)), dict(_flat(other))
    return {
        dotted(path): (left.get(path), right.get(path))
        for path in dict.fromkeys((*left, *right))
        if left.get(path) != right.get(path)
    }


def _flat(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)):
        items = value.items() if isinstance(value, dict) else ((str(i), item) for i, item in enumerate(value, 1))
        for key, item in items:
            if path or key not in ("losses", "steps", "timings"):
                yield from _flat(item, (*path, key))
    else:
        yield path, value
