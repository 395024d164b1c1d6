"""The whole method on one picture. Importing the package is cheap; torch is imported when a name is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stylizer import Conditions, Event, Stylizer, StylizeResult, Subject

__all__ = ["Conditions", "Event", "StylizeResult", "Stylizer", "Subject"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import stylizer

        return getattr(stylizer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
