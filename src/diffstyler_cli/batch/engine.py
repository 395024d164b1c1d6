"""Carrying jobs out: an engine has one method, and knows of a job only what `Work` does with it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

from .jobs import Job, Outcome

AHEAD = 2
"""Photos that are read before their turn, and pictures that wait to be written."""
_PATIENCE = 0.1


class Work(Protocol):
    """What is done with a job, in three steps. What a step raises is the end of its job, not of the run."""

    def read(self, job: Job) -> Any:
        """Everything that the picture needs; or an `Outcome`, where there is nothing to make."""

    def make(self, job: Job, read: Any) -> Any:
        """The picture."""

    def write(self, job: Job, made: Any) -> Outcome:
        """Puts it in its place."""

    def failed(self, job: Job, error: Exception) -> Outcome:
        """What became of a job whose step raised."""


class Engine(Protocol):
    """Carries jobs out, in any order, and tells of each as soon as it is done."""

    def run(self, jobs: Iterable[Job], work: Work, tell: Callable[[Outcome], None]) -> None:
        """Returns when all jobs are told of.

        Args:
            jobs: taken as they are needed, never all at once; they may still be coming.
            tell: called once a job, by one thread at a time, any.

        Raises the error of a job whose outcome stops the run, and what `tell` and `jobs` raise. Whatever ends it, what
        is made already is written and told of first.
        """


class LocalEngine:
    """One process: a thread reads ahead, this one computes, another writes."""

    def run(self, jobs: Iterable[Job], work: Work, tell: Callable[[Outcome], None]) -> None:
        """As `Engine.run`; pictures are made in the order of the jobs."""
        line = _Line(work, tell)
        reader = threading.Thread(target=line.read_all, args=(jobs,), daemon=True)
        writer = threading.Thread(target=line.write_all, daemon=True)
        reader.start()
        writer.start()
        try:
            line.make_all()
        finally:
            line.stop.set()  # the reader may wait for more jobs, for ever: it is left alone
            line.put(line.made, None, until=lambda: not writer.is_alive())
            while writer.is_alive():
                writer.join(_PATIENCE)
        if line.fatal:
            raise line.fatal[0]


class _Line:
    """The two queues of a run and who works at them; None ends a queue."""

    def __init__(self, work: Work, tell: Callable[[Outcome], None]) -> None:
        self.work = work
        self.tell = tell
        self.stop = threading.Event()
        self.fatal: list[BaseException] = []
        self.reads: queue.Queue[tuple[Job, Any, Exception | None] | None] = queue.Queue(AHEAD)
        self.made: queue.Queue[tuple[Job, Any, Exception | None] | None] = queue.Queue(AHEAD)

    def read_all(self, jobs: Iterable[Job]) -> None:
        try:
            for job in jobs:
                read, failure = None, None
                try:
                    job.check()
                    read = self.work.read(job)
                except Exception as error:
                    failure = error
                if not self.put(self.reads, (job, read, failure), until=self.stop.is_set):
                    return
        except BaseException as error:  # of what the jobs come from
            self.fatal.append(error)
        finally:
            self.put(self.reads, None, until=self.stop.is_set)

    def make_all(self) -> None:
        while (item := self.reads.get()) is not None and not self.stop.is_set():
            job, made, failure = item
            if failure is None and not isinstance(made, Outcome):
                try:
                    made = self.work.make(job, made)
                except Exception as error:
                    made, failure = None, error
            self.put(self.made, (job, made, failure), until=self.stop.is_set)
            del item, made  # a photo and a picture are large

    def write_all(self) -> None:
        try:
            while (item := self.made.get()) is not None:
                job, made, failure = item
                outcome = made if isinstance(made, Outcome) else self._written(job, made, failure)
                del item, made
                self.tell(outcome)
        except BaseException as error:
            self.fatal.append(error)
            self._end()

    def _written(self, job: Job, made: Any, failure: Exception | None) -> Outcome:
        if failure is None:
            try:
                return self.work.write(job, made)
            except Exception as error:
                failure = error
        outcome = self.work.failed(job, failure)
        if outcome.stops:
            self.fatal.append(failure)
            self._end()
        return outcome

    def _end(self) -> None:
        """Ends the run from the writer's side; who computes may be waiting for a photo."""
        self.stop.set()
        with suppress(queue.Full):
            self.reads.put_nowait(None)

    @staticmethod
    def put(line: queue.Queue[Any], item: Any, until: Callable[[], bool]) -> bool:
        """Puts an item into a queue when there is room; False where `until` came first."""
        while True:
            try:
                line.put(item, timeout=_PATIENCE)
            except queue.Full:
                if until():
                    return False
            else:
                return True
