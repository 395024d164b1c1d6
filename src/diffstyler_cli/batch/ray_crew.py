"""The workers of a run on a Ray cluster: started, waited for, and followed by others where one is lost.

Importing this module imports no Ray.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import DiffStylerError, UsageError
from .jobs import Job
from .ray_cluster import Cluster, ClusterError
from .ray_worker import Lot, Ready, Trouble

STARTS = 3
"""How many workers in a row may be lost at one place before they are ready; the next one waits for `PAUSE` seconds."""
PAUSE = 60.0
PATIENCE = 30.0
"""Seconds after which somebody is told what the run waits for."""
WAITING = "No worker is ready yet: models are being loaded, or the cluster has no room at the moment."
LAST_WORDS = 10.0
"""Seconds in which workers end what they write when the run is cut short."""
OPEN, IDLE, BEGIN, TAKE, GONE = "open", "idle", "begin", "take", "gone"


@dataclass
class Held:
    """A job in somebody's hands.

    Args:
        again: it was in the hands of a worker that was lost.
        losses: how many workers were lost with it that did not go with their node.
    """

    job: Job
    again: bool = False
    losses: int = 0


@dataclass(frozen=True)
class Lost:
    """A worker that is gone: why; `node` if it went with its node."""

    reason: str
    node: bool
    memory: bool


@dataclass(eq=False)
class Place:
    """A worker's place: the actor that has it now, what it is at, the answer that is waited for, the jobs it has."""

    actor: Any = None
    step: str = OPEN
    answer: Any = None
    node: str = ""
    name: str = ""
    starts: int = 0
    due: float = 0.0
    """When another one starts where none is."""
    hand: dict[int, Held] = field(default_factory=dict)
    alone: bool = False
    """It has one job that a worker was lost with, and gets no other."""


class Crew:
    """The workers; `make` makes an actor of `ray_worker.Worker`.

    Args:
        folder: where the pictures go, which every node must see; "" where that is no folder of this machine.
        say: is told what a person should know.
    """

    def __init__(
        self, cluster: Cluster, make: Callable[[], Any], count: int, folder: str, say: Callable[[str], None]
    ) -> None:
        self.first: Ready | None = None
        self._cluster, self._make, self._folder, self._say = cluster, make, folder, say
        self._begun = self._ending = False
        self.places = [Place() for _ in range(count)]
        for place in self.places:
            self._start(place)

    def wait_for_first(self) -> Ready:
        """Waits until a worker is ready. Raises what is wrong with the work, `ClusterError`."""
        told = time.monotonic() + PATIENCE
        while self.first is None:
            self.answers(1.0)
            if self.first is None and time.monotonic() > told:
                told = float("inf")
                self._say(WAITING)
        return self.first

    def begin(self) -> None:
        """From now on workers carry jobs out."""
        self._begun = True
        for place in self.places:
            if place.step == IDLE:
                self._begin(place)

    def names(self) -> Mapping[str, int]:
        """How many workers are ready on which node."""
        names: dict[str, int] = {}
        for place in self.places:
            if place.name:
                names[place.name] = names.get(place.name, 0) + 1
        return names

    def answers(self, seconds: float) -> list[tuple[Place, Lot | Lost]]:
        """What workers have to say of jobs, after so many seconds at most; those that are lost are followed by others.

        Raises what is wrong with the work, `ClusterError` where none is left.
        """
        ray = self._cluster.ray
        for place in self.places:
            if place.step == GONE and place.due <= time.monotonic() and not self._ending:
                self._start(place)
        waited = {place.answer: place for place in self.places if place.answer is not None}
        if not waited:
            time.sleep(min(1.0, seconds))
            return []
        ready, _ = ray.wait(list(waited), num_returns=1, timeout=seconds)
        if ready and len(waited) > 1:
            ready, _ = ray.wait(list(waited), num_returns=len(waited), timeout=0)
        found: list[tuple[Place, Lot | Lost]] = []
        for answer in ready:
            place = waited[answer]
            try:
                value = ray.get(answer)
            except ray.exceptions.RayTaskError:  # a mistake in the program
                raise
            except ray.exceptions.RayError as error:
                lost = self._lost(place, error)
                if place.hand:
                    found.append((place, lost))
            else:
                self._heard(place, value, found)
        return found

    def feed(self, place: Place, held: list[Held]) -> None:
        """Gives jobs to a worker; a job that one was lost with is alone."""
        place.alone = any(each.losses for each in held)
        place.hand |= {each.job.number: each for each in held}
        place.actor.feed.remote([(each.job, each.again) for each in held])

    def stop(self) -> Iterator[tuple[Place, Lot]]:
        """Ends pictures at hand; yields what workers had made by then."""
        self._ending, end = True, time.monotonic() + LAST_WORDS
        for place in self.places:
            if place.hand and place.answer is not None:
                place.actor.stop.remote()
            else:
                self.close_one(place)
        self.places = [place for place in self.places if place.hand and place.answer is not None]
        while self.places and (left := end - time.monotonic()) > 0:
            for place, value in self.answers(left):
                if isinstance(value, Lot):
                    yield place, value
                if isinstance(value, Lost) or value.ended:
                    self.close_one(place)
                    self.places.remove(place)

    def close(self) -> None:
        """Lets all go."""
        for place in self.places:
            self.close_one(place)
        self.places = []

    def close_one(self, place: Place) -> None:
        """Lets one go, whatever it is at."""
        with suppress(Exception):
            self._cluster.ray.kill(place.actor, no_restart=True)

    # --- inside ------------------------------------------------------------------------------------------------------
    def _start(self, place: Place) -> None:
        place.actor, place.alone = self._make(), False
        place.step, place.answer = OPEN, place.actor.open.remote()

    def _begin(self, place: Place) -> None:
        place.step, place.answer = BEGIN, place.actor.begin.remote(self._folder)

    def _heard(self, place: Place, value: Any, found: list[tuple[Place, Lot | Lost]]) -> None:
        if isinstance(value, Trouble):
            raise self._at(value)
        if isinstance(value, Ready):
            place.node, place.name, place.starts = value.node, self._cluster.name_of(value.node), 0
            self._same(place, value)
            place.step, place.answer = IDLE, None
            if self._begun:
                self._begin(place)
            return
        if isinstance(value, Lot):
            found.append((place, value))
            if value.ended:
                place.answer = None
                return
        place.step, place.answer = TAKE, place.actor.take.remote()

    def _same(self, place: Place, ready: Ready) -> None:
        """Whether a worker would make the same pictures as the first one. Raises `UsageError`."""
        if self.first is None:
            self.first = ready
        here, there = self.first.facts.get("same"), ready.facts.get("same")
        if here != there:
            raise UsageError(
                f"Node {place.name} has other models than node {self._cluster.name_of(self.first.node)}.",
                "Run diffstyler download on both, or name the files: those reach every node.",
            )

    def _at(self, trouble: Trouble) -> Exception:
        """The error of a worker, with the name of its node where one of several may have it alone."""
        error = trouble.error
        if isinstance(error, DiffStylerError) and len(self._cluster.nodes()) > 1:
            return type(error)(f"Node {self._cluster.name_of(trouble.node)}: {error.message}", error.advice)
        return error

    def _lost(self, place: Place, error: Any) -> Lost:
        """Starts another in the place of a worker that is lost."""
        exceptions = self._cluster.ray.exceptions
        self.close_one(place)  # it may be there still, behind a broken line
        reason = _reason(error)
        place.answer = None
        if getattr(error, "actor_init_failed", False):
            raise ClusterError(
                f"No worker can start: {reason}", "Install diffstyler-cli, the same version, on all nodes."
            )
        node = bool(place.node) and ("node has died" in str(error) or not self._cluster.lives(place.node))
        lost = Lost(reason, node, isinstance(error, exceptions.OutOfMemoryError))
        what = f"A node, {place.name}," if node else f"A worker{f' on {place.name}' if place.name else ''}"
        if self._ending:
            return lost
        if place.step in (OPEN, BEGIN):
            place.starts += 1
            if all(other.starts >= STARTS for other in self.places):
                raise ClusterError(f"No worker gets ready: {reason}", "Look at the nodes, or give fewer --workers.")
        else:
            self._say(f"{what} was lost; what it had in hand is tried again.")
        place.step, place.due = GONE, time.monotonic() + (PAUSE if place.starts >= STARTS else 0)
        place.node = place.name = ""
        return lost


def _reason(error: Any) -> str:
    """Ray's words, in one line without its lists of what may be."""
    text = " ".join(str(error).split())
    for mark in ("Worker exit detail: ", "The actor died because ", "The actor is dead because "):
        if mark in text:
            text = text.partition(mark)[2]
    return text.partition(" Some common causes")[0][-300:]
