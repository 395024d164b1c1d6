"""The account of a run of many photos: how many pictures became what, and the last line of --json."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from ....batch.jobs import DONE, FAILED, SKIPPED, Outcome
from ....batch.manifest import SCHEMA
from ....remote import Place
from ....version import __version__
from ...models import LoadedModels
from ...terminal.errors import Failure
from ...terminal.notices import Notices


class ManyAccount:
    """Account of one run; `total` is None where nobody knows how many there will be."""

    def __init__(self, models: LoadedModels, notices: Notices) -> None:
        self._models = models
        self._notices = notices
        self.counts = {DONE: 0, SKIPPED: 0, FAILED: 0}
        self.total: int | None = None
        self.folder: Place | None = None
        self.seed: int | None = None
        self.plan: dict[str, Any] | None = None
        """Of a dry run: the files that would be written, and the seconds."""
        self.cluster: dict[str, Any] = {}
        """What workers elsewhere say of their models."""
        self.at: Callable[[], str] | None = None
        """Tells who is at work, where it is not this process."""
        self.began = time.monotonic()
        self.running = False
        self.size = (1, 1)
        """Of the latest picture."""

    def count(self, outcome: Outcome) -> None:
        """One picture more."""
        self.counts[outcome.status] += 1
        if outcome.status == DONE:
            self.size = (outcome.facts["size"][0], outcome.facts["size"][1])

    def told(self) -> str:
        """How many became what: "12 done, 3 there already, 1 failed"."""
        words = {DONE: "done", SKIPPED: "there already", FAILED: "failed"}
        return ", ".join(f"{count} {words[name]}" for name, count in self.counts.items() if count) or "none"

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after `what` cut the run short."""
        there = self.counts[DONE] + self.counts[SKIPPED]
        if not self.running:
            return f"{what}; nothing was written.", ""
        of = "" if self.total is None else f" of {self.total}"
        where = "" if self.folder is None else f" in {self.folder}"
        return f"{what}. Kept: {there}{of} pictures{where}", "The same command makes the rest."

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The last line of --json; the schema is in docs/many.md."""
        return {
            "kind": "end",
            "schema": SCHEMA,
            "version": __version__,
            "ok": failure is None,
            **self._models.facts(),
            **self.cluster,
            "notices": self._notices.texts,
            "folder": None if self.folder is None else str(self.folder),
            "seed": self.seed,
            "pictures": self.total,
            **self.counts,
            "plan": self.plan,
            "seconds": round(time.monotonic() - self.began, 3),
            "error": dataclasses.asdict(failure) if failure else None,
        }
