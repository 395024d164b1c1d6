"""Engines that share nothing with who runs them: jobs, work and outcomes go to their worker and back as bytes.

`python other_process.py` is a worker in a process of its own: a line of work comes first, then a job at a time.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from diffstyler_cli.batch.engine import Work
from diffstyler_cli.batch.jobs import Job, Outcome

Ask = Callable[[bytes], bytes]


class Pickling:
    """`batch.engine.Engine`: one worker in this process, which knows nothing but what can be sent to another.

    `jobs` are those that it carried out, `before` is called before each.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.outcomes: list[Outcome] = []
        self.before: Callable[[Job], None] = lambda job: None

    def run(self, jobs: Iterable[Job], work: Work, tell: Callable[[Outcome], None]) -> None:
        """As `Engine.run`."""
        with self.worker(pickle.dumps(work)) as ask:
            for job in jobs:
                self.jobs.append(job)
                self.before(job)
                outcome: Outcome = pickle.loads(ask(pickle.dumps(job)))
                self.outcomes.append(outcome)
                tell(outcome)
                if outcome.stops:
                    raise RuntimeError(outcome.message)

    @contextmanager
    def worker(self, work: bytes) -> Iterator[Ask]:
        """Who answers a job with its outcome."""
        own = pickle.loads(work)
        yield lambda job: pickle.dumps(_carried_out(own, pickle.loads(job)))


class Opening(Pickling):
    """The same, and the worker loads the models when it is opened, before `run`."""

    def open(self, work: Work) -> SimpleNamespace:
        """Returns what the worker says of itself."""
        self.own = pickle.loads(pickle.dumps(work))
        return SimpleNamespace(facts=json.loads(json.dumps(self.own.open({}, None))))

    @contextmanager
    def worker(self, work: bytes) -> Iterator[Ask]:
        """The one that is open."""
        yield lambda job: pickle.dumps(_carried_out(self.own, pickle.loads(job)))


class OtherProcess(Pickling):
    """The same, the worker being another process."""

    @contextmanager
    def worker(self, work: bytes) -> Iterator[Ask]:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
        command = [sys.executable, __file__]
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            to, back = process.stdin, process.stdout

            def send(data: bytes) -> None:
                to.write(base64.b64encode(data) + b"\n")
                to.flush()

            def ask(job: bytes) -> bytes:
                send(job)
                return base64.b64decode(back.readline())

            send(work)
            yield ask
            to.close()


def _carried_out(work: Any, job: Job) -> Outcome:
    try:
        read = work.read(job)
        outcome: Outcome = read if isinstance(read, Outcome) else work.write(job, work.make(job, read))
    except Exception as error:
        outcome = work.failed(job, error)
    return outcome


def main() -> None:
    lines = map(base64.b64decode, sys.stdin.buffer)
    work = pickle.loads(next(lines))
    for line in lines:
        outcome = _carried_out(work, pickle.loads(line))
        sys.stdout.buffer.write(base64.b64encode(pickle.dumps(outcome)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
