"""Work of plain numbers for engines on Ray: photos name what happens to them. `python standin.py SCENARIO` runs one on
a cluster of its own and prints as JSON what came of it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from diffstyler_cli.batch import ray_engine, ray_files
from diffstyler_cli.batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome
from diffstyler_cli.batch.ray_cluster import Need
from diffstyler_cli.errors import UsageError, WeightsError


class StandIn:
    """Pickled as a class of this file, which workers find beside the program."""

    watch: Callable[..., None]

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.seen: set[int] = set()
        self.watch = print

    def open(self, files: Mapping[str, str], threads: int | None) -> Mapping[str, Any]:
        if self.trouble == "weights":
            raise WeightsError("The full models are incomplete.", "Run diffstyler download.")
        if self.trouble == "start":
            os._exit(3)
        self.files = {key: Path(path).read_text() for key, path in files.items()}
        same = os.getpid() if self.trouble == "other models" else 0
        return {"same": same, "threads": threads, "files": dict(files), "stops": os.environ.get("STAND_IN", "")}

    def at_once(self) -> int:
        return 1

    def again(self, job: Job) -> None:
        self.seen.add(job.number)

    def read(self, job: Job) -> Any:
        job.check()
        if job.photo == "there":
            return Outcome(job, SKIPPED)
        if job.photo == "read":
            raise ValueError("no photo")
        return job.number

    def make(self, job: Job, read: Any) -> Any:
        if job.photo == "kill" or (job.photo == "kill once" and job.number not in self.seen):
            os.kill(os.getpid(), 9)
        for _ in range(100 if job.photo == "long" else 1):
            time.sleep(0.02)
            self.watch(job, None)
        return read

    def write(self, job: Job, made: Any) -> Outcome:
        if job.photo == "full":
            raise OSError(28, "No space left on device")
        return Outcome(job, DONE, {"process": os.getpid(), "again": job.number in self.seen})

    def failed(self, job: Job, error: Exception) -> Outcome:
        return Outcome(job, FAILED, message=str(error), stops=isinstance(error, OSError))


def run(photos: list[str], trouble: str = "", **settings: Any) -> dict[str, Any]:
    """What came of jobs, and how many were taken beyond those that were told of."""
    told: list[Outcome] = []
    said: list[str] = []
    most = 0

    def jobs() -> Iterator[Job]:
        nonlocal most
        for number, photo in enumerate(photos, 1):
            most = max(most, number - len(told))
            yield Job(number, photo)
            if photo == "gone":
                raise OSError("where jobs come from is gone")

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        if outcome.job.photo == "stop":
            raise BrokenPipeError
        if outcome.job.photo == "interrupt":
            raise KeyboardInterrupt

    engine = ray_engine.RayEngine("local", say=said.append, **settings)
    error = None
    facts: Mapping[str, Any] = {}
    work: Any = StandIn(trouble)
    try:
        facts = engine.open(work).facts
        engine.run(jobs(), work, tell)
    except BaseException as raised:
        error = f"{type(raised).__name__}: {raised}"
    finally:
        engine.close()
    outcomes = [dataclasses.asdict(dataclasses.replace(outcome, job=Job(outcome.job.number, ""))) for outcome in told]
    return {"told": outcomes, "said": said, "error": error, "most": most, "facts": facts}


def sent() -> dict[str, Any]:
    """A weight file that workers do not see at its place."""
    file = Path("weights.bin")
    file.write_text("heavy")
    pack = ray_files.pack

    def packed(*arguments: Any) -> Any:
        found = pack(*arguments)
        file.unlink()
        return found

    ray_engine.pack = packed  # type: ignore[attr-defined]
    return run(["a"] * 4, files={"art": str(file)}, environment={"STAND_IN": "told"})


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    "mixed": lambda: run(["a", "read", "there", "kill", "kill once", *["a"] * 20], workers=2),
    "interrupt": lambda: run(["a", "interrupt", *["long"] * 30], workers=1),
    "stop": lambda: run(["a", "stop", *["long"] * 30], workers=1),
    "full": lambda: run(["a", "a", "full", *["long"] * 30], workers=1),
    "gone": lambda: run(["a", "a", "gone", "a"], workers=1),
    "weights": lambda: run(["a"], "weights"),
    "start": lambda: run(["a"], "start", workers=1),
    "other models": lambda: run(["a"] * 100, "other models", workers=2),
    "sent": sent,
    "gpu": lambda: run(["a"], need=Need(gpu=True)),
}

if __name__ == "__main__":
    try:
        result = SCENARIOS[sys.argv[1]]()
    except UsageError as raised:
        result = {"error": raised.message}
    print(json.dumps(result))
