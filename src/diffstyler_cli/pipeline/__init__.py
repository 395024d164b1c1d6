"""The whole method on one picture. Importing the package is cheap; torch is imported when `Stylizer` is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .result import Event, Finished, Progress, StylizeResult
    from .stylizer import Stylizer

_HOMES = dict.fromkeys(("Event", "Finished", "Progress", "StylizeResult"), "result") | {"Stylizer": "stylizer"}
__all__ = ["Event", "Finished", "Progress", "StylizeResult", "Stylizer"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
