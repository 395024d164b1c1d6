"""What a folder's manifest comes to: each picture once, as it is now; counts, failures by kind, times."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..naming import name_of
from ..remote import Place, Url
from .jobs import DONE, FAILED
from .parts import manifest_of
from .states import States, states_of

MOST = 1_000_000
"""Pictures that are looked at."""


@dataclass
class Summary:
    """Of the runs in `folder`; `pictures` has the last line of each picture."""

    folder: Place
    runs: list[dict[str, Any]] = field(default_factory=list)
    ends: list[dict[str, Any]] = field(default_factory=list)
    pictures: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def _states(self) -> States:
        return states_of((), self.folder)

    @property
    def done(self) -> list[dict[str, Any]]:
        """Those that were made, and are there."""
        return [row for row in self.pictures.values() if row.get("status") == DONE and self.is_there(row)]

    @property
    def gone(self) -> list[dict[str, Any]]:
        """Those that were made, and are not there any more."""
        return [row for row in self.pictures.values() if row.get("status") == DONE and not self.is_there(row)]

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Those that failed and were not made since."""
        return [row for row in self.pictures.values() if row.get("status") == FAILED]

    def kinds(self) -> list[tuple[int, str, int]]:
        """Failures by kind, the most frequent first: exit code, kind of error, how many."""
        counts = Counter((code_of(row), str(row.get("kind_of_error", "?"))[:40]) for row in self.failed)
        return [(code, kind, count) for (code, kind), count in counts.most_common()]

    def seconds(self) -> list[float]:
        """What each picture took, where that is known."""
        found = []
        for row in self.pictures.values():
            table = row.get("seconds")
            total = table.get("total") if isinstance(table, Mapping) else None
            if isinstance(total, (int, float)) and not isinstance(total, bool) and math.isfinite(total) and total >= 0:
                found.append(float(total))
        return found

    def is_there(self, row: Mapping[str, Any]) -> bool:
        """Whether a picture is."""
        place = self.place(row)
        return self._states.there(place.text) if isinstance(place, Url) else place.is_file()

    def nodes(self) -> dict[str, int]:
        """How many pictures each node of a cluster has made."""
        names = (row.get("node") for row in self.done)
        return dict(sorted(Counter(name for name in names if isinstance(name, str)).items()))

    def place(self, row: Mapping[str, Any]) -> Place:
        """A picture's file. Only those of the folder are looked at, whatever the manifest says."""
        if isinstance(self.folder, Url):
            parts = str(row.get("file", "")).split("/")
            return self.folder / ("/".join(parts) if not {"", ".", ".."} & set(parts) else ".not-here")
        path = self.folder / name_of(str(row.get("file", "")).replace("\0", "/"))
        inside = os.path.realpath(path).startswith(os.path.realpath(self.folder) + os.sep)
        return path if inside else self.folder / ".not-here"

    def to_json(self) -> dict[str, Any]:
        """For --json."""
        seconds = self.seconds()
        return {
            "runs": len(self.runs),
            "done": len(self.done),
            "gone": len(self.gone),
            "failed": len(self.failed),
            "failures": [{"code": code, "kind": kind, "pictures": count} for code, kind, count in self.kinds()],
            "seconds": {"sum": round(sum(seconds), 3), "mean": round(sum(seconds) / max(1, len(seconds)), 3)},
            "nodes": self.nodes(),
            "pictures": list(self.pictures.values()),
        }


def read_summary(folder: Place) -> Summary | None:
    """What the manifest in `folder` says; None where there is none that says anything."""
    summary = Summary(folder)
    for row in manifest_of(folder).rows():
        if row["kind"] == "run":
            summary.runs.append(row)
        elif row["kind"] == "end":
            summary.ends.append(row)
        elif row["kind"] == "picture" and len(summary.pictures) < MOST:
            key = row["file"] if isinstance(row.get("file"), str) else f"\0{row.get('number')} {row.get('time')}"
            summary.pictures.pop(key, None)  # the latest last
            summary.pictures[key] = row
    return summary if summary.runs or summary.pictures else None


def code_of(row: Mapping[str, Any]) -> int:
    """The exit code of a failure."""
    code = row.get("code")
    return code if type(code) is int and 0 < code < 256 else 1
