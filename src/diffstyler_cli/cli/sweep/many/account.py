"""The account of the sweeps of many photos: how many became what, and the last line of --json."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....version import __version__
from ...models import LoadedModels
from ...terminal.errors import Failure
from ...terminal.notices import Notices
from .plan import DONE, FAILED, SKIPPED, Entry

SCHEMA = "diffstyler.sweeps/1"


class ManyAccount:
    """Account of one run."""

    def __init__(self, models: LoadedModels, notices: Notices) -> None:
        self._models = models
        self._notices = notices
        self.entries: list[Entry] = []
        self.folder: Path | None = None
        self.overview: Path | None = None
        self.seed: int | None = None
        self.plan: dict[str, Any] | None = None
        """Of a dry run."""
        self.began = time.monotonic()
        self.running = False
        self.cluster: dict[str, Any] = {}
        """What the workers are, of --engine ray."""
        self.at: Callable[[], str] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many sweeps became what."""
        states = [entry.status for entry in self.entries]
        return {name: states.count(name) for name in (DONE, SKIPPED, FAILED)}

    def told(self) -> str:
        """How many became what: "2 done, 1 there already, 1 failed"."""
        words = {DONE: "done", SKIPPED: "there already", FAILED: "failed"}
        return ", ".join(f"{count} {words[name]}" for name, count in self.counts.items() if count) or "none"

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after `what` cut the run short."""
        if not self.running:
            return f"{what}; nothing was written.", ""
        there = self.counts[DONE] + self.counts[SKIPPED]
        begun = [entry for entry in self.entries if entry.standing is not None and entry.standing.made]
        cells = sum(len(entry.standing.made) for entry in begun if entry.standing is not None)
        more = f", and {cells} cells of {len(begun)} more" if begun else ""
        return f"{what}. Kept: {there} of {len(self.entries)} sweeps in {self.folder}{more}", (
            "The same command makes the rest."
        )

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The last line of --json; the schema is in docs/sweep.md."""
        return {
            "kind": "end",
            "schema": SCHEMA,
            "version": __version__,
            "ok": failure is None,
            **(self.cluster or self._models.facts()),
            "notices": self._notices.texts,
            "folder": None if self.folder is None else str(self.folder),
            "overview": None if self.overview is None else str(self.overview),
            "seed": self.seed,
            "sweeps": len(self.entries),
            **self.counts,
            "cells": sum(entry.made for entry in self.entries),
            "plan": self.plan,
            "seconds": round(time.monotonic() - self.began, 3),
            "error": dataclasses.asdict(failure) if failure else None,
        }
