"""The account of a sweep: how much of it there is when something ends it, and its JSON document."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...version import __version__
from ..models import LoadedModels
from ..terminal.errors import Failure
from ..terminal.notices import Notices
from .request import SweepRequest

if TYPE_CHECKING:
    from ...sweep.standing import Standing

SCHEMA = "diffstyler.sweep/1"


@dataclass(frozen=True)
class Swept:
    """A finished sweep. `rows` are the manifest's cells."""

    request: SweepRequest
    standing: Standing
    rows: list[dict[str, Any]]
    written: list[Path]


class SweepAccount:
    """Account of the latest sweep that one command line, or its menu, began."""

    def __init__(self, models: LoadedModels, notices: Notices) -> None:
        self._models = models
        self._notices = notices
        self.planned: dict[str, Any] = {}
        self.standing: Standing | None = None
        self.swept: Swept | None = None
        self.cluster: dict[str, Any] = {}
        """What the workers are, of --engine ray."""
        self.at: Callable[[], str] | None = None

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after `what` cut the work short."""
        standing = self.standing
        if standing is None or not standing.made:
            return f"{what}; nothing was written.", ""
        made, count, where = len(standing.made), len(standing.plan.possible), standing.folder.path
        if made == count:
            return f"{what}. Kept: {where}", ""
        return f"{what}. Kept: {made} of {count} cells in {where}", "The same command makes the rest."

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document; its schema is in docs/sweep.md."""
        swept = self.swept
        return {
            "schema": SCHEMA,
            "version": __version__,
            "ok": failure is None,
            **(self.cluster or self._models.facts()),
            "notices": self._notices.texts,
            "plan": self.planned or None,
            "folder": str(self.standing.folder.path) if self.standing else None,
            "written": [str(path) for path in swept.written] if swept else [],
            "cells": swept.rows if swept else [],
            "error": dataclasses.asdict(failure) if failure else None,
        }
