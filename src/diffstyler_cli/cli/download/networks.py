"""Networks of others by `download`: what is asked of the Hub, said of licences before anything comes, and fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal

from ...errors import OutputError, UsageError, WeightsError
from ...models.foreign.extra import EXTRA, absent
from ...models.foreign.folder import read_folder
from ...models.foreign.layout import needed
from ...models.foreign.listing import listed
from ...roles import KEYS
from ...weights import snapshots
from ...weights.cache import Cache
from ...weights.references import Reference, parse_reference
from ..terminal.console import Console, escaped

if TYPE_CHECKING:
    from ...weights.hub import Repository
    from ...weights.snapshots import Snapshot


def references(names: Sequence[str]) -> list[Reference]:
    """What the names mean. Raises `UsageError` for one that is no repository on the Hub."""
    if (key := next((name for name in names if name in KEYS), None)) is not None:
        raise UsageError(f"{key} is a component of the full set, no network of others.", f"Try --only {key}.")
    found = [parse_reference(name) for name in dict.fromkeys(names)]
    for reference in found:
        if reference.kind != "hub":
            raise UsageError(
                f"{reference.place} is a folder on this machine: there is nothing to download.",
                f"Use it where it is: diffstyler stylize --art-model {reference.place}.",
            )
    return found


@dataclass(frozen=True)
class Wanted:
    """A network that is to be fetched: what the Hub says of it, and how much is to come."""

    reference: Reference
    repository: Repository
    bytes: int
    files: int

    @property
    def line(self) -> str:
        """What a person is told before it is fetched."""
        name = self.reference.name
        where = f" ({self.repository.name})" if name != self.repository.name else ""
        return (
            f"{name}{where} at {self.repository.commit[:7]}, licence {self.repository.licence}: "
            f"{self.files} files, {decimal(self.bytes)} to fetch"
        )


class NetworkSession:
    """Carries a `download` of networks out."""

    def __init__(self, console: Console, cache: Cache, wanted: Sequence[Reference]) -> None:
        self.console = console
        self.cache = cache
        self.wanted = list(wanted)
        self.fetched: list[str] = []
        """Commits of what this call has brought."""

    # --- looking -----------------------------------------------------------------------------------------------------
    def show(self) -> None:
        """The table of networks that are known by name or in the cache."""
        for row in listed(self.cache):
            if row["package"] is not None:
                continue
            where = row["path"] or f"not in the cache, {decimal(row['size_bytes'])} to fetch"
            licence = f"licence {row['licence']}"
            self.console.report(escaped(f"  {row['name']:14} {row['repository']}, {licence}; {where}"))

    def foresee(self) -> None:
        """What would be fetched. Asks the Hub which files there are."""
        for wanted in self._ask():
            self.console.report(escaped(wanted.line))
            needed_, free = wanted.bytes, self.cache.free()
            enough = "enough" if needed_ <= free else "too little"
            self.console.report(
                escaped(f"{decimal(needed_)} of disk needed in {self.cache.folder}, {decimal(free)} free: {enough}")
            )

    def verify(self) -> None:
        """Compares the cached files with their record."""
        for reference in self.wanted:
            found = self._cached(reference)
            if found is None:
                self.console.say(f"{reference.name}: not in the cache")
                continue
            with self.console.working(f"Checking {reference.name}"):
                snapshots.verify(found)
            self.console.say(f"{reference.name}: whole")
            self.console.written(found.folder)

    # --- changing ----------------------------------------------------------------------------------------------------
    def remove(self, confirmed: Any) -> None:
        """Deletes them from the cache."""
        names = ", ".join(each.name for each in self.wanted)
        if not confirmed(f"Delete from {self.cache.folder}: {names}?"):
            return
        freed = sum(snapshots.remove(self.cache, reference) for reference in self.wanted)
        self.console.say(f"{decimal(freed)} freed in {self.cache.folder}")

    def fetch(self, confirmed: Any) -> bool:
        """Fetches what is not in the cache; whether it is all there then. `confirmed` asks once, where it may."""
        for reference in self.wanted:
            if (found := self._cached(reference)) is not None:
                self.console.written(found.folder)
        todo = self._ask()
        for wanted in todo:
            self.console.say(wanted.line)
        if todo and not confirmed("Go ahead?"):
            return False
        coming = sum(wanted.bytes for wanted in todo)
        if coming > self.cache.free():
            raise OutputError(
                f"{decimal(coming)} of disk needed in {self.cache.folder}, {decimal(self.cache.free())} free.",
                "Free some space, or give --cache-dir DIR on another disk.",
            )
        from ...weights import repositories
        from .display import display

        made: list[Snapshot] = []
        try:
            with display(self.console, []) as show:
                for wanted in todo:
                    name = wanted.reference.name
                    made.append(
                        repositories.fetch(
                            wanted.reference, wanted.repository, self.cache, needed, read_folder, show(name)
                        )
                    )
                    self.fetched.append(made[-1].commit)
                    self.console.say(
                        f"{name}: {decimal(made[-1].bytes)} at {made[-1].commit[:7]}, licence {made[-1].licence}; "
                        "verified"
                    )
        finally:  # not while bars are drawn
            for each in made:
                self.console.written(each.folder)
        for wanted, each in zip(todo, made, strict=True):
            told = read_folder(each.folder).text is not None
            role = "--photo-model or --art-model" if told else "--art-model"
            self.console.say(f"diffstyler stylize takes it as {role} {wanted.reference}")
        self.needs_extra()
        return True

    def needs_extra(self) -> None:
        """Says what it takes to run them, where that is not there."""
        if gone := absent():
            self.console.say(f"To run them, {' and '.join(gone)} must be installed: pip install '{EXTRA}'", "yellow")

    def _cached(self, reference: Reference) -> Snapshot | None:
        return snapshots.find(self.cache, reference)

    def _ask(self) -> list[Wanted]:
        """What the Hub says of those that are not in the cache, all of them before anything is fetched."""
        todo = [reference for reference in self.wanted if self._cached(reference) is None]
        if not todo:
            return []
        from ...weights import repositories

        found = []
        for reference in todo:
            with self.console.working(f"Asking the Hub for {reference.name}"):
                repository = repositories.ask(reference, lambda progress: None)
            try:
                files = needed(repository.files)
                coming = repositories.coming(repository, needed, self.cache)
            except WeightsError as error:
                message = error.message[:1].lower() + error.message[1:]
                raise WeightsError(f"{reference} cannot be used: {message}", error.advice) from None
            found.append(Wanted(reference, repository, coming, len(files)))
        return found
