"""Carrying jobs out: an engine has one method, and knows of a job only what `Work` does with it."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from ..errors import out_of_memory
from .jobs import Job, Outcome

AHEAD = 2
"""Photos that are read before their turn, and pictures that wait to be written."""
_PATIENCE = 0.1

_Item = tuple[Job, Any, Exception | None]
"""A job, what is read or made of it, and why that failed."""


class Work(Protocol):
    """What is done with a job, in three steps. What a step raises is the end of its job, not of the run."""

    def read(self, job: Job) -> Any:
        """Everything that the picture needs; or an `Outcome`, where there is nothing to make."""

    def make(self, job: Job, read: Any) -> Any:
        """The picture."""

    def alike(self, job: Job, read: Any) -> Hashable | None:
        """What jobs have in common that may be made together; None for one that is made by itself."""

    def make_together(self, jobs: Sequence[Job], reads: Sequence[Any]) -> Sequence[Any]:
        """The pictures of jobs that are alike. What it raises is not their end: they are made in smaller parts."""

    def too_many(self, count: int, fewer: int) -> None:
        """Is told that there was no memory for `count` together, and that there will be at most `fewer`."""

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
    """One process: a thread reads ahead, this one computes, another writes.

    Args:
        together: at most so many jobs are made at once, of those that are read: nobody waits for more to come. Halved
            where memory runs out.
    """

    def __init__(self, together: int = 1) -> None:
        self.together = together

    def run(self, jobs: Iterable[Job], work: Work, tell: Callable[[Outcome], None]) -> None:
        """As `Engine.run`; pictures are made in the order of the jobs, but that those made together are made with the
        first of them."""
        line = _Line(work, tell, self.together)
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

    def __init__(self, work: Work, tell: Callable[[Outcome], None], together: int) -> None:
        self.work = work
        self.tell = tell
        self.together = together
        self.stop = threading.Event()
        self.fatal: list[BaseException] = []
        self.reads: queue.Queue[_Item | None] = queue.Queue(max(AHEAD, together))
        self.made: queue.Queue[_Item | None] = queue.Queue(max(AHEAD, together))
        self._waiting: list[_Item] = []
        self._ended = False

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
        while (items := self._next()) and not self.stop.is_set():
            self._make(items)
            del items  # photos are large

    def _next(self) -> list[_Item]:
        """The oldest that is read, with those that may be made together with it; none at the end."""
        while not self._ended and len(self._waiting) < max(1, self.together):
            try:
                item = self.reads.get(block=not self._waiting)
            except queue.Empty:
                break
            if item is None:
                self._ended = True
            else:
                self._waiting.append(item)
        if not self._waiting:
            return []
        first, *others = self._waiting
        key = self._alike(first) if self.together > 1 else None
        mates = [item for item in others if key is not None and self._alike(item) == key][: self.together - 1]
        self._waiting = [item for item in others if item not in mates]
        return [first, *mates]

    def _alike(self, item: _Item) -> Hashable | None:
        job, read, failure = item
        return None if failure is not None or isinstance(read, Outcome) else self.work.alike(job, read)

    def _make(self, items: Sequence[_Item]) -> None:
        """Makes jobs together; in halves where that fails, so that only those fail that do by themselves."""
        if len(items) == 1:
            self._made(*self._made_alone(*items[0]))
            return
        half = math.ceil(len(items) / 2)
        try:
            if len(items) > self.together:  # as the part before has found
                raise MemoryError
            pictures = self.work.make_together([job for job, *_ in items], [read for _, read, _ in items])
        except Exception as error:
            if out_of_memory(error) and len(items) <= self.together:
                self.together = half
                self.work.too_many(len(items), half)
        else:
            for (job, *_), picture in zip(items, pictures, strict=True):
                self._made(job, picture, None)
            return
        # outside of the handler, which keeps alive what the failed attempt held
        self._make(items[:half])
        self._make(items[half:])

    def _made_alone(self, job: Job, read: Any, failure: Exception | None) -> _Item:
        if failure is None and not isinstance(read, Outcome):
            try:
                return job, self.work.make(job, read), None
            except Exception as error:
                return job, None, error
        return job, read, failure

    def _made(self, job: Job, made: Any, failure: Exception | None) -> None:
        self.put(self.made, (job, made, failure), until=self.stop.is_set)

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
