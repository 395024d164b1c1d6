"""The engine on a Ray cluster: actors hold the work; each has a few jobs in hand; what is lost with one is tried again.

Ray places the workers, starts them, carries jobs and outcomes, and tells when one is lost. What is left is here: who
gets the next job, and how many workers one may take with it. Importing this module imports no Ray.
"""

from __future__ import annotations

import dataclasses
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..errors import DiffStylerError, OutOfMemoryError
from ..version import __version__
from .engine import AHEAD, Work
from .jobs import DONE, Job, Outcome
from .ray_cluster import Cluster, Need
from .ray_crew import TAKE, Crew, Held, Lost, Place
from .ray_files import Parcel, pack
from .ray_worker import Lot, Ready, Worker

MORE_IN_HAND = AHEAD
"""Jobs that a worker has beside those that it makes and as many again, which it reads meanwhile: on their way."""
MOST_LOSSES = 3
"""How many workers a job may take with it."""
_TICK = 0.1


class WorkerLost(DiffStylerError):
    """A picture whose workers are lost again and again (exit code 1)."""


class RayEngine:
    """Carries jobs out on a cluster.

    Args:
        address: as `Cluster`.
        workers: how many; None for as many as fit.
        need: what each of them takes.
        files: weight files that were named, by key.
        environment: variables that workers have, beside those of their node.
        folder: where the pictures go, which every node must see; "" where that is no folder of this machine.
        relative: whether paths of jobs depend on the current folder.
        say: is told what a person should know, a line each.
    """

    def __init__(
        self, address: str | None = None, workers: int | None = None, need: Need | None = None, *,
        files: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None, folder: str = "",
        relative: bool = True, say: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        self._address, self._workers, self._need = address, workers, need or Need()
        self._files, self._environment = files or {}, environment or {}
        self._folder, self._relative, self._say = folder, relative, say
        self._cluster: Cluster | None = None
        self._crew: Crew | None = None

    def open(self, work: Work) -> Ready:
        """Connects, starts the workers and waits for the first that is ready; may be called before `run`.

        Raises `UsageError`, `ClusterError`, and what is wrong with the work.
        """
        if self._crew is None:
            store = sum(os.path.getsize(path) for path in self._files.values())
            cluster = self._cluster = Cluster(self._address, 2 * store)
            ray = cluster.ray
            share = cluster.shared_out(self._need, self._workers)
            sent = pack(ray, self._files)
            parcel = ray.put(Parcel(work, os.getcwd(), self._relative, share.threads, sent, self._environment))
            kind = ray.remote(Worker).options(
                num_cpus=share.cores, num_gpus=share.gpus, max_restarts=0, max_task_retries=0, max_concurrency=4,
                scheduling_strategy="SPREAD",
            )  # fmt: skip

            def make() -> Any:
                return kind.remote([parcel], __version__)  # in a list, which Ray does not open

            self._crew = Crew(cluster, make, share.workers, self._folder, self._say)
        return self._crew.wait_for_first()

    def run(self, jobs: Iterable[Job], work: Work, tell: Callable[[Outcome], None]) -> None:
        """As `Engine.run`; in any order. `work` is a `RemoteWork`."""
        try:
            self.open(work)
            assert self._crew is not None
            _Run(self._crew, jobs, work, tell).through()
        finally:
            self.close()

    def close(self) -> None:
        """Lets the workers go, and the cluster where it is the run's own."""
        crew, cluster, self._crew, self._cluster = self._crew, self._cluster, None, None
        if crew is not None:
            crew.close()
        if cluster is not None:
            cluster.close()

    def workers(self) -> Mapping[str, int]:
        """How many workers are ready on which node."""
        return {} if self._crew is None else self._crew.names()

    @property
    def places(self) -> int:
        """How many workers there are to be."""
        return 0 if self._crew is None else len(self._crew.places)


class _Run:
    """One run: jobs that come, those that are to be tried again, and who has which."""

    def __init__(self, crew: Crew, jobs: Iterable[Job], work: Work, tell: Callable[[Outcome], None]) -> None:
        self._crew, self._work, self._tell = crew, work, tell
        self._coming = _Coming(jobs)
        self._returned: deque[Held] = deque()
        """Of nodes that were lost: to be tried again like any other."""
        self._suspects: deque[Held] = deque()
        """Of workers that were lost: to be tried again alone, for one of them may be why."""
        self._most = 2 * crew.wait_for_first().together + MORE_IN_HAND
        """Jobs that a worker has in hand at a time."""
        self._deaf = False
        """Whether who listens has raised."""
        self._late: list[Outcome] = []
        """Of `_place`, heard of and to be told of: an interruption may come between."""
        self._place = Place()

    def through(self) -> None:
        """Until every job is told of."""
        self._crew.begin()
        try:
            while True:
                self._hand_out()
                if not (self._suspects or self._returned or self._held()) and self._coming.over:
                    break
                # while jobs may still come and there is room for them, one looks for them
                room = not self._coming.over and any(self._room(place) for place in self._crew.places)
                for place, value in self._crew.answers(_TICK if room else 1.0):
                    self._heard(place, value)
        finally:
            self._coming.stop.set()
            if self._held() or self._late:
                self._last_words()
        if self._coming.error is not None:
            raise self._coming.error

    def _held(self) -> bool:
        return any(place.hand for place in self._crew.places)

    def _room(self, place: Place) -> int:
        return 0 if place.step != TAKE or place.alone else self._most - len(place.hand)

    def _hand_out(self) -> None:
        """To whom has the fewest, as long as there is room; whoever was lost with a job before has it alone."""
        while self._suspects:
            empty = next((place for place in self._crew.places if self._room(place) == self._most), None)
            if empty is None:
                break
            self._crew.feed(empty, [self._suspects.popleft()])
        given: dict[Place, list[Held]] = {}
        free = sorted(
            (place for place in self._crew.places if self._room(place) > 0), key=lambda place: len(place.hand)
        )
        free = free[len(self._suspects) :]  # the first to become free are for those
        while free:
            place = min(free, key=lambda place: len(place.hand) + len(given.get(place, ())))
            held = self._next()
            if held is None:
                break
            given.setdefault(place, []).append(held)
            if len(place.hand) + len(given[place]) >= self._most:
                free.remove(place)
        for place, several in given.items():
            self._crew.feed(place, several)

    def _next(self) -> Held | None:
        if self._returned:
            return self._returned.popleft()
        job = self._coming.next()
        return None if job is None else Held(job)

    def _heard(self, place: Place, value: Lot | Lost) -> None:
        if isinstance(value, Lost):
            self._lost(place, value)
            return
        self._late = [outcome for outcome in value.outcomes if place.hand.pop(outcome.job.number, None) is not None]
        self._place = place
        while self._late:
            self._told(place, self._late.pop(0))
        if not place.hand:
            place.alone = False
        if value.error is not None:
            raise value.error

    def _told(self, place: Place, outcome: Outcome) -> None:
        if outcome.status == DONE:
            outcome = dataclasses.replace(outcome, facts={**outcome.facts, "node": place.name})
        try:
            self._tell(outcome)
        except Exception:
            self._deaf = True
            raise

    def _lost(self, place: Place, lost: Lost) -> None:
        hand, place.hand = list(place.hand.values()), {}
        for held in hand:
            held.again = True
            if lost.node:  # it takes its workers with it: no picture is to blame
                self._returned.append(held)
                continue
            held.losses += 1
            if held.losses < MOST_LOSSES:
                self._suspects.append(held)
                continue
            message = f"{held.losses} workers were lost with this picture: {lost.reason}"
            error = (
                OutOfMemoryError(message, "Give a smaller --size or --tile, or fewer --workers.")
                if lost.memory
                else WorkerLost(message, "Make it alone, without --engine ray, to see why.")
            )
            self._told(place, self._work.failed(held.job, error))

    def _last_words(self) -> None:
        """What is made already is written and told of before the run ends by an error or an interruption."""
        late = [(self._place, outcome) for outcome in self._late]
        late += [(place, outcome) for place, lot in self._crew.stop() for outcome in lot.outcomes]
        for place, outcome in late:
            if not self._deaf:
                with suppress(Exception):
                    self._told(place, outcome)


class _Coming:
    """The jobs, taken by a thread of their own, for the next may be long in coming; never more than one too many."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._line: queue.Queue[Job | None] = queue.Queue(1)
        self._ended = False
        threading.Thread(target=self._take, args=(jobs,), daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether there are no more."""
        return self._ended

    def next(self) -> Job | None:
        """The next job; None where there is none at the moment, or no more."""
        with suppress(queue.Empty):
            job = None if self._ended else self._line.get(timeout=0.002)
            self._ended = self._ended or job is None
            return job
        return None

    def _take(self, jobs: Iterable[Job]) -> None:
        try:
            for job in jobs:
                if not self._put(job):
                    return
        except BaseException as error:  # of what the jobs come from
            self.error = error
        self._put(None)

    def _put(self, job: Job | None) -> bool:
        while not self.stop.is_set():
            with suppress(queue.Full):
                self._line.put(job, timeout=_TICK)
                return True
        return False
