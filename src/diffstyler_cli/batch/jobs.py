"""What an engine carries out, and what comes of it: plain data, the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from ..naming import without_secrets

DONE, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to make.

    Args:
        number: from 1, in the run.
        photo, output: paths, or addresses.
        prompts: with their weights, as they are typed.
        seed: of its random draws.
        label: what who asked for it calls it; given back.
        own: what it has otherwise than the run, by name: settings, and what else a request holds.
        fault: why it cannot be one: message and advice; such a job is only told of.
    """

    number: int
    photo: str
    output: str = ""
    prompts: tuple[str, ...] = ()
    seed: int = 0
    label: Any = None
    own: Mapping[str, Any] = field(default_factory=dict)
    fault: tuple[str, str] = ("", "")

    def check(self) -> None:
        """Raises `UsageError` for one that cannot be a job."""
        if self.fault[0]:
            raise UsageError(*self.fault)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: a picture; one that was there already; or why there is none.

    Args:
        status: `DONE`, `SKIPPED`, `FAILED`.
        facts: more of it, as JSON: what the manifest and --json hold beside the job.
        notes: what a person should know of the picture.
        seconds: that it took, by phase.
        code, message, advice: of a failure: exit code and the two lines.
        stops: it is one that no other picture of the run would be spared.
        again: it was not tried, because it failed before.
    """

    job: Job
    status: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    code: int = 0
    message: str = ""
    advice: str = ""
    stops: bool = False
    again: bool = False

    def to_json(self) -> dict[str, Any]:
        """The line that --json prints."""
        row: dict[str, Any] = {"kind": "picture", "number": self.job.number, "status": self.status}
        if self.job.label is not None:
            row["id"] = self.job.label
        row |= {
            "photo": without_secrets(self.job.photo),
            "output": without_secrets(self.job.output) or None,
            "prompts": list(self.job.prompts),
            "seed": self.job.seed,
            **self.facts,
            "notes": list(self.notes),
            "seconds": {phase: round(value, 3) for phase, value in self.seconds.items()},
        }
        if self.status == FAILED:
            row |= {"code": self.code, "error": self.message, "advice": self.advice}
        return row
