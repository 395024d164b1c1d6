"""Carries a `download` out: looking, fetching, importing, verifying, removing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.filesize import decimal

from ...errors import OutputError, WeightsError
from ...roles import KEYS
from ...weights.references import parse_reference
from ...weights.registry import STAND_IN, ComponentSpec, spec
from ...weights.snapshots import find, snapshots
from ..scaffold import Call
from ..terminal.console import escaped
from .account import DownloadAccount
from .display import component_table, display, facts_line, first_places, places, plan_table
from .networks import NetworkSession, references

if TYPE_CHECKING:
    from ...weights.cache import Entry
    from ...weights.fetch import Plan


class DownloadSession:
    """One run of the command."""

    def __init__(
        self, call: Call, account: DownloadAccount, dtype: str, art_model: str | None = None, others: str | None = None
    ) -> None:
        """`art_model` is who shall play the art role, where somebody said it; `others` the same if that is a network
        of others."""
        self.console = call.console
        self.account = account
        self.components = account.components
        self.cache = account.cache
        self.dtype = dtype
        self.ask = call.may_ask
        self.agreed = call.no_input
        """Whether --yes was given."""
        self.art_model = art_model
        self.others = others

    # --- looking -----------------------------------------------------------------------------------------------------
    def show(self) -> None:
        self.console.report(component_table(self.components, self.cache))
        rows = ((component.key, source) for component in self.components for source in component.sources)
        self.console.report(f"\nSources, in order of trying:\n{places(rows)}")
        facts = ((component.key, facts_line(component)) for component in self.components)
        self.console.report(f"\nParameters, and SHA-256 of the right files:\n{places(facts)}")
        self.console.report("\nNetworks of others:")
        NetworkSession(self.console, self.cache, []).show()
        self.console.report(f"\nCache: {escaped(self.cache.folder)}")

    def foresee(self) -> None:
        plans = self._plans()
        self.console.report(plan_table(plans))
        self.console.report(f"\n{first_places(plans)}\n\n{escaped(self._room(plans))}")
        if self.others is not None:
            NetworkSession(self.console, self.cache, references([self.others])).foresee()

    def verify(self) -> None:
        errors = []
        for component in self.components:
            if not (self.cache.folder / component.key).exists():
                self.console.say(f"{component.role} {component.name}: not in the cache")
                continue
            try:
                with self.console.working(f"Checking the {component.role}"):
                    self.cache.verify(component.key)
                self.console.say(f"{component.role} {component.name}: whole")
                self._written(component.key)
            except WeightsError as error:
                errors.append(error)
        if len(self.components) == len(KEYS):
            for name in self._others():
                try:
                    NetworkSession(self.console, self.cache, references([name])).verify()
                except WeightsError as error:
                    errors.append(error)
        _raise_all(errors)

    def _others(self) -> list[str]:
        """Networks of others in the cache, as they are typed."""
        return [f"{each.repository}@{each.commit}" for each in snapshots(self.cache)]

    # --- changing ----------------------------------------------------------------------------------------------------
    def remove(self) -> None:
        names = ", ".join(c.role for c in self.components)
        if self.ask and not self._confirmed(f"Delete from {self.cache.folder}: {names}?"):
            return
        freed = sum(self.cache.remove(component.key) for component in self.components)
        self.console.say(f"{decimal(freed)} freed in {self.cache.folder}")
        for left in filter(None, (self.cache.foreign(component.key) for component in self.components)):
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            self.console.say(f"left alone, not of this cache: {', '.join(map(str, left[:3]))}{more}")
        if len(self.components) == len(KEYS) and (others := self._others()):
            names = ", ".join(others)
            self.console.say(f"Networks of others stay: {names}. Each goes with diffstyler download NAME --remove")

    def fetch(self) -> None:
        from ...weights.fetch import Network, fetch, room

        plans = self._plans()
        todo = [plan for plan in plans if plan.entry is None]
        if self.ask and todo:
            self.console.render(plan_table(plans))
            for line in (*first_places(todo).splitlines(), self._room(plans)):
                self.console.say(line, verbatim=True)
            if not self._confirmed("Go ahead?"):
                return
        if todo and room(plans) > self.cache.free():
            raise OutputError(self._room(plans), "Free some space, or give --cache-dir DIR on another disk.")
        errors: list[WeightsError] = []
        network = Network()
        done = [plan.component.key for plan in plans if plan.entry is not None]
        try:
            with display(self.console, todo) as show:
                for plan in todo:
                    try:
                        entry = fetch(plan.component, self.cache, self.dtype, _convert, show(plan.component), network)
                    except WeightsError as error:
                        errors.append(error)
                        continue
                    self._report(plan.component, entry)
                    done.append(plan.component.key)
        finally:  # not while bars are drawn
            for key in done:
                self._written(key)
        role = self._art_role(errors)
        _raise_all(errors)
        if role:
            self.account.art_role = role
            self.console.say(role, "yellow" if "could not be had" in role else "")
        named = {component.key for component in self.components} | ({"art"} if STAND_IN.name in role else set())
        if named == set(KEYS):
            self.console.say("All full-size models are there; diffstyler stylize uses them from now on.")

    def _art_role(self, errors: list[WeightsError]) -> str:
        """Who plays the art role, and why, as a sentence; "" where this call is not about it.

        Where the original could not be had, `STAND_IN` is fetched if somebody agrees, and its error is taken out of
        `errors`.
        """
        from ...weights.fetch import Unobtainable

        if self.others is not None:
            try:
                self._fetched(self.others)
            except WeightsError as error:
                errors.append(error)
                return ""
            return f"{self.others} plays the art role, as --art-model says: give stylize the same."
        if self.art_model in ("cc12m", "lite"):
            return f"--art-model {self.art_model} needs no art network: give stylize the same."
        failed = next((e for e in errors if isinstance(e, Unobtainable) and e.component.key == "art"), None)
        if failed is None:
            keys = [component.key for component in self.components]
            there = len(keys) == len(KEYS) and self.cache.find("art") is not None
            return "The art role is played by wikiart_256, the method's own network." if there else ""
        if self.art_model is not None or failed.nowhere:
            return ""
        what = f"{STAND_IN.name} ({STAND_IN.repository}, licence {STAND_IN.licence}, {decimal(STAND_IN.size)})"
        cached = find(self.cache, parse_reference(STAND_IN.name)) is not None
        if not cached:
            self.console.say(f"{failed.message}", "yellow")
            self.console.say(f"Another network can play the art role: {what}: {STAND_IN.what}.")
            if not (self.agreed or (self.ask and self._confirmed(f"Fetch {STAND_IN.name} for the art role?"))):
                return ""
        try:
            self._fetched(STAND_IN.name)
        except WeightsError as error:
            errors.append(error)
            return ""
        errors.remove(failed)
        return (
            f"The art role is played by {STAND_IN.name}, as wikiart_256 could not be had; "
            "download --art-model wikiart insists on that."
        )

    def _fetched(self, name: str) -> bool:
        """Has a network of others fetched; whether it is there."""
        networks = NetworkSession(self.console, self.cache, references([name]))
        try:
            there = networks.fetch(lambda question: True)
        finally:
            self.account.fetched += networks.fetched
        return there

    def import_from(self, folder: Path) -> None:
        from ...weights.fetch import import_from

        with display(self.console, []) as show:
            found = import_from(folder, self.components, self.cache, self.dtype, _convert, show(None))
        for key, entry in found.items():
            self._report(spec(key), entry)
            self._written(key)
        if not found:
            raise WeightsError(
                f"No file below {folder} is one of the components: {', '.join(c.name for c in self.components)}.",
                "A file with another hash can be used in place: stylize --photo-weights PATH and friends.",
            )
        absent = [c.name for c in self.components if self.cache.find(c.key) is None]
        if absent:
            self.console.say(f"Still missing: {', '.join(absent)}. Run diffstyler download.")

    # --- telling -----------------------------------------------------------------------------------------------------
    def _plans(self) -> list[Plan]:
        from ...weights.fetch import plan

        return [plan(component, self.cache, self.dtype) for component in self.components]

    def _room(self, plans: Sequence[Plan]) -> str:
        from ...weights.fetch import room

        coming, needed, free = sum(p.bytes for p in plans), room(plans), self.cache.free()
        enough = "enough" if needed <= free else "too little"
        disk = f"{decimal(needed)} of disk needed in {self.cache.folder}, {decimal(free)} free: {enough}"
        return f"{decimal(coming)} to fetch; {disk}."

    def _report(self, component: ComponentSpec, entry: Entry) -> None:
        self.account.fetched.append(component.key)
        checked = "verified" if component.sha256 or entry.source.startswith("hub:") else "recorded"
        self.console.say(
            f"{component.role} {component.name}: {decimal(entry.size)} ({entry.dtype}) from {entry.source}; "
            f"SHA-256 {entry.source_sha256[:12]}… {checked}"
        )

    def _written(self, key: str) -> None:
        entry = self.cache.find(key)
        if entry is not None:
            self.console.written(entry.path)

    def _confirmed(self, question: str) -> bool:
        from ..terminal.ask import confirm

        return confirm(self.console, question)


def _convert(component: ComponentSpec, original: Path, destination: Path, dtype: str) -> None:
    from ...models.full.load import convert  # imports torch: late, so that a dead link is told at once

    convert(component, original, destination, dtype)


def _raise_all(errors: Sequence[WeightsError]) -> None:
    """Raises the errors as one."""
    if errors:
        from ...weights.fetch import together

        raise together(errors)
