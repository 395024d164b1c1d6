"""What differs between two sweeps, in the words of the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..config import options

LONGEST = 200
"""Characters of a value in a message."""


def differences(there: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two identities, each as "--steps 20 there, 30 now"."""
    old, new = dict(_flat(there)), dict(_flat(now))
    names = [name for name in {**new, **old} if old.get(name) != new.get(name)]
    return [f"{_short(name)} {_text(old.get(name))} there, {_text(new.get(name))} now" for name in names]


def _flat(identity: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings and axes under their flags, everything else under its own name."""
    for key, value in identity.items():
        if key in ("settings", "axes") and isinstance(value, Mapping):
            for name, item in value.items():
                yield (options()[name].flag if name in options() else f"--{name}"), item
        elif isinstance(value, Mapping):
            for name, item in value.items():
                yield f"{key} {name}", item
        else:
            yield key, value


def _text(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _short(",".join(map(_text, value[:LONGEST])) or "none")
    if value is None:
        return "none"
    return _short(f"{value:.10g}" if isinstance(value, float) else str(value))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
