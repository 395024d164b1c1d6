"""The account of a `download`: what the cache holds of the components in question."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...version import __version__
from ..terminal.errors import Failure

if TYPE_CHECKING:
    from ...weights.registry import ComponentSpec
    from ...weights.settings import Settings

SCHEMA = "diffstyler.download/1"
KEPT = "what has arrived is kept: the next diffstyler download goes on from there"


class NothingToDo:
    """Account of a `download` of what is built in."""

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document."""
        return _head(failure) | {"components": []} | _tail(failure)

    def kept(self, what: str) -> tuple[str, str]:
        """Message after `what` cut it short."""
        return f"{what}.", ""


class DownloadAccount:
    """Account of the components `keys`, as the cache in `settings` has them at the time of asking."""

    def __init__(self, settings: Settings, keys: Sequence[str]) -> None:
        from ...weights.cache import Cache

        self.components = [c for c in settings.components() if c.key in keys]
        self.cache = Cache(settings.cache)
        self.fetched: list[str] = []
        """Keys of what this call has brought, and commits of networks."""
        self.art_role = ""
        """Who plays the art role, and why, where this call decided it."""

    def kept(self, what: str) -> tuple[str, str]:
        """Message after `what` cut it short."""
        return f"{what}; {KEPT}.", ""

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document; its schema is in docs/weights.md."""
        here = {"cache": str(self.cache.folder), "free_bytes": self.cache.free()}
        from ...models.foreign.listing import listed

        rows = [self._row(component) for component in self.components]
        others = [row | {"fetched": row["commit"] in self.fetched} for row in listed(self.cache)]
        art = {"art_role": self.art_role or None}
        return _head(failure) | here | {"components": rows, "networks": others} | art | _tail(failure)

    def _row(self, component: ComponentSpec) -> dict[str, Any]:
        entry = self.cache.find(component.key)
        return {
            "key": component.key,
            "name": component.name,
            "role": component.role,
            "licence": component.licence,
            "parameters": component.parameters,
            "sources": [str(source) for source in component.sources],
            "size_bytes": component.size,
            "sha256": list(component.sha256),
            "fetched": component.key in self.fetched,
            "cached": dataclasses.asdict(entry) | {"path": str(entry.path)} if entry else None,
        }


def _head(failure: Failure | None) -> dict[str, Any]:
    return {"schema": SCHEMA, "version": __version__, "ok": failure is None}


def _tail(failure: Failure | None) -> dict[str, Any]:
    return {"error": dataclasses.asdict(failure) if failure else None}
