"""`diffstyler download`: the full-size models into the cache; what is there, whether it is whole, and away with it."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ... import __version__
from ...errors import OutputError, UsageError, WeightsError
from ...weights.registry import KEYS, ComponentSpec, Source, spec, without_userinfo
from ..options import markup
from ..terminal.console import Console, shown
from ..terminal.errors import Interrupted, Terminated, explain
from ..terminal.log import LOG_FILE, open_log

if TYPE_CHECKING:
    from rich.table import Table

    from ...weights.cache import Cache, Entry
    from ...weights.fetch import Plan
    from ...weights.settings import Settings
    from ...weights.transfer import Progress

SUMMARY = "Get the full-size models, resumable and verified."
SCHEMA = "diffstyler.download/1"
PLAIN_SECONDS = 10.0
"""Seconds between two plain lines of the same file."""

WHAT, FILES, TERMINAL = "What to do", "What and where", "Terminal and scripts"
KEPT = "what has arrived is kept: the next diffstyler download goes on from there"


def _option(panel: str, help: str, *names: str, takes: str = "") -> Any:
    return typer.Option(*names, metavar=takes, help=markup(help), show_default=False, rich_help_panel=panel)


LIST = "Show the table of components: what each is, where it comes from, what is cached."
DRY_RUN = "Show what would be fetched, from where, how large, and whether the disk has room."
VERIFY = "Compare the cached files with their SHA-256; damaged ones are deleted."
REMOVE = "Delete cached files and unfinished downloads."
FROM = "Import the files below DIR that are components, recognised by their SHA-256, instead of fetching."
ONLY = f"Only these components, of {', '.join(KEYS)}. (default all)"
SOURCE = "Try this place first: hub:OWNER/REPO/FILE[@REVISION], an http(s) address or a path; repeatable."
CACHE_DIR = "The cache's folder; stylize looks where DIFFSTYLER_CACHE_DIR says."
FP32 = "Keep the diffusion networks as fp32: twice the size, exact."
MODELS = "Model set. lite is built in: nothing to do. (default full)"
YES = "Never ask."
JSON = "Print one JSON document in place of the paths."
QUIET = "Print nothing but the paths and errors."
DEBUG = "Show the traceback of an error, and all warnings."


def command(
    context: typer.Context,
    *,
    show_list: Annotated[bool, _option(WHAT, LIST, "--list")] = False,
    dry_run: Annotated[bool, _option(WHAT, DRY_RUN, "--dry-run")] = False,
    verify: Annotated[bool, _option(WHAT, VERIFY, "--verify")] = False,
    remove: Annotated[bool, _option(WHAT, REMOVE, "--remove")] = False,
    folder: Annotated[Path | None, _option(WHAT, FROM, "--from", takes="DIR")] = None,
    only: Annotated[str | None, _option(FILES, ONLY, "--only", takes="NAME,...")] = None,
    sources: Annotated[list[str] | None, _option(FILES, SOURCE, "--source", takes="NAME=PLACE")] = None,
    cache_dir: Annotated[Path | None, _option(FILES, CACHE_DIR, "--cache-dir", takes="DIR")] = None,
    fp32: Annotated[bool, _option(FILES, FP32, "--fp32")] = False,
    models: Annotated[str, _option(FILES, MODELS, "--models", takes="full|lite")] = "full",
    yes: Annotated[bool, _option(TERMINAL, YES, "--yes", "--no-input")] = False,
    json: Annotated[bool, _option(TERMINAL, JSON, "--json")] = False,
    quiet: Annotated[bool, _option(TERMINAL, QUIET, "-q", "--quiet")] = False,
    log_file: Annotated[Path | None, _option(TERMINAL, LOG_FILE, "--log-file", takes="FILE")] = None,
    debug: Annotated[bool, _option(TERMINAL, DEBUG, "--debug")] = False,
) -> int:
    """Bring the full-size models into the cache, from the Hub or its fallbacks; broken-off downloads are resumed.

    Every file is checked against its SHA-256. Prints the paths of the cached files.
    """
    console = context.obj.console = Console(quiet=quiet, json=json)
    if log_file is not None:
        open_log(log_file, [without_userinfo(argument) for argument in context.obj.arguments])
    if not debug:
        warnings.simplefilter("ignore")
    actions = {"--list": show_list, "--dry-run": dry_run, "--verify": verify, "--remove": remove, "--from": folder}
    chosen = [flag for flag, given in actions.items() if given]
    _check(chosen, {"--source": bool(sources), "--fp32": fp32})
    keys, places = _keys(only), _sources(sources or [])
    if models == "lite" and (idle := [*chosen, *(["--source"] if sources else []), *(["--fp32"] if fp32 else [])]):
        raise UsageError(
            f"{', '.join(idle)} has no effect with --models lite: it is built in.", "Leave one of them out."
        )
    if models == "lite":
        console.say("The lite models are built in: there is nothing to download.")
        if json:
            console.document({"schema": SCHEMA, "version": __version__, "ok": True, "components": [], "error": None})
        return 0
    if models != "full":
        raise UsageError(f"--models {models!r} is not one of full, lite.", "Try --models full.")

    from ...weights.settings import read_settings

    job = _Job(console, read_settings(cache=cache_dir, sources=places), keys, "fp32" if fp32 else "fp16", not yes)
    steps: dict[str, Callable[[], None]] = {
        "--list": job.show,
        "--dry-run": job.foresee,
        "--verify": job.verify,
        "--remove": job.remove,
        "--from": lambda: job.import_from(folder or Path()),
    }
    try:
        try:
            steps[chosen[0]]() if chosen else job.fetch()
        except KeyboardInterrupt:
            raise Interrupted(130, f"Interrupted; {KEPT}.") from None
        except Terminated:
            raise Interrupted(143, f"Terminated; {KEPT}.") from None
    except Exception as error:
        if json:
            console.document(job.document(error))
        raise
    if json:
        console.document(job.document(None))
    if cache_dir is not None and not chosen:
        console.say(f"For stylize to find it, set DIFFSTYLER_CACHE_DIR={cache_dir}")
    return 0


class _Job:
    """One run of the command."""

    def __init__(self, console: Console, settings: Settings, keys: Sequence[str], dtype: str, ask: bool) -> None:
        from ...weights.cache import Cache

        self.console = console
        self.components = [c for c in settings.components() if c.key in keys]
        self.cache: Cache = Cache(settings.cache)
        self.dtype = dtype
        self.ask = ask and not console.why_not_ask() and not console.quiet and not console.json
        self.fetched: list[str] = []

    # --- looking -----------------------------------------------------------------------------------------------------
    def show(self) -> None:
        self.console.report(_component_table(self.components, self.cache))
        rows = ((component.key, source) for component in self.components for source in component.sources)
        self.console.report(f"\nSources, in order of trying:\n{_places(rows)}")
        facts = ((component.key, _facts(component)) for component in self.components)
        self.console.report(f"\nParameters, and SHA-256 of the right files:\n{_places(facts)}")
        self.console.report(f"\nCache: {shown(self.cache.folder)}")

    def foresee(self) -> None:
        plans = self._plans()
        self.console.report(_plan_table(plans))
        self.console.report(f"\n{_first_places(plans)}\n\n{shown(self._room(plans))}")

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
        _raise_all(errors)

    # --- changing ----------------------------------------------------------------------------------------------------
    def remove(self) -> None:
        from ...weights.transfer import size

        names = ", ".join(c.role for c in self.components)
        if self.ask and not self._confirmed(f"Delete from {self.cache.folder}: {names}?"):
            return
        freed = sum(self.cache.remove(component.key) for component in self.components)
        self.console.say(f"{size(freed)} freed in {self.cache.folder}")
        for left in filter(None, (self.cache.foreign(component.key) for component in self.components)):
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            self.console.say(f"left alone, not of this cache: {', '.join(map(str, left[:3]))}{more}")

    def fetch(self) -> None:
        from ...weights.fetch import Network, fetch, room

        plans = self._plans()
        todo = [plan for plan in plans if plan.entry is None]
        if self.ask and todo:
            self.console.render(_plan_table(plans))
            for line in (*_first_places(todo).splitlines(), self._room(plans)):
                self.console.say(line, verbatim=True)
            if not self._confirmed("Go ahead?"):
                return
        if todo and room(plans) > self.cache.free():
            raise OutputError(self._room(plans), "Free some space, or give --cache-dir DIR on another disk.")
        errors: list[WeightsError] = []
        network = Network()
        done = [plan.component.key for plan in plans if plan.entry is not None]
        try:
            with _display(self.console, todo) as show:
                for plan in todo:
                    try:
                        entry = fetch(plan.component, self.cache, self.dtype, _convert, show(plan.component), network)
                    except WeightsError as error:
                        errors.append(error)
                        continue
                    self._told(plan.component, entry)
                    done.append(plan.component.key)
        finally:  # not while bars are drawn
            for key in done:
                self._written(key)
        _raise_all(errors)
        if len(plans) == len(KEYS):
            self.console.say("All full-size models are there; diffstyler stylize uses them from now on.")

    def import_from(self, folder: Path) -> None:
        from ...weights.fetch import import_from

        with _display(self.console, []) as show:
            found = import_from(folder, self.components, self.cache, self.dtype, _convert, show(None))
        for key, entry in found.items():
            self._told(spec(key), entry)
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
    def document(self, error: Exception | None) -> dict[str, Any]:
        """The JSON document; its schema is in docs/weights.md."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            "ok": error is None,
            "cache": str(self.cache.folder),
            "free_bytes": self.cache.free(),
            "components": [self._row(component) for component in self.components],
            "error": dataclasses.asdict(explain(error)) if error else None,
        }

    def _row(self, component: ComponentSpec) -> dict[str, Any]:
        entry = self.cache.find(component.key)
        return {
            "key": component.key,
            "name": component.name,
            "role": component.role,
            "licence": component.licence,
            "parameters": component.parameters,
            "sources": [str(source) for source in component.sources],
            "size_bytes": component.size,
            "sha256": list(component.sha256),
            "fetched": component.key in self.fetched,
            "cached": dataclasses.asdict(entry) | {"path": str(entry.path)} if entry else None,
        }

    def _plans(self) -> list[Plan]:
        from ...weights.fetch import plan

        return [plan(component, self.cache, self.dtype) for component in self.components]

    def _room(self, plans: Sequence[Plan]) -> str:
        from ...weights.fetch import room
        from ...weights.transfer import size

        coming, needed, free = sum(p.bytes for p in plans), room(plans), self.cache.free()
        enough = "enough" if needed <= free else "too little"
        disk = f"{size(needed)} of disk needed in {self.cache.folder}, {size(free)} free: {enough}"
        return f"{size(coming)} to fetch; {disk}."

    def _told(self, component: ComponentSpec, entry: Entry) -> None:
        from ...weights.transfer import size

        self.fetched.append(component.key)
        checked = "verified" if component.sha256 or entry.source.startswith("hub:") else "recorded"
        self.console.say(
            f"{component.role} {component.name}: {size(entry.size)} ({entry.dtype}) from {entry.source}; "
            f"SHA-256 {entry.source_sha256[:12]}… {checked}"
        )

    def _written(self, key: str) -> None:
        entry = self.cache.find(key)
        if entry is not None:
            self.console.written(entry.path)

    def _confirmed(self, question: str) -> bool:
        from ..terminal.ask import confirm

        return confirm(self.console, question)


# --- what the arguments mean -----------------------------------------------------------------------------------------
def _check(chosen: Sequence[str], fetching: dict[str, bool]) -> None:
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other.", f"Give {chosen[0]} alone.")
    idle = [flag for flag, given in fetching.items() if given]
    if chosen and chosen[0] in ("--verify", "--remove") and idle:
        raise UsageError(f"{', '.join(idle)} has no effect with {chosen[0]}.", "Leave it out.")
    if chosen == ["--from"] and fetching["--source"]:
        raise UsageError("--from and --source exclude each other.", "Give --source NAME=PATH for a single file.")


def _keys(only: str | None) -> list[str]:
    names = KEYS if only is None else [name.strip() for name in only.split(",")]
    for name in names:
        if name not in KEYS:
            raise UsageError(f"--only {name!r} is not one of {', '.join(KEYS)}.", "Try --only photo,art.")
    return list(names)


def _sources(given: Sequence[str]) -> dict[str, tuple[Source, ...]]:
    from ...weights.settings import parse_source

    sources: dict[str, tuple[Source, ...]] = {}
    for text in given:
        key, equals, place = text.partition("=")
        if key not in KEYS or not equals:
            raise UsageError(
                f"--source {text!r} does not begin with a component's name and =.",
                f"Names: {', '.join(KEYS)}. Try --source photo=hub:OWNER/REPO/cc12m_1_cfg.pth.",
            )
        sources[key] = (*sources.get(key, ()), parse_source(place))
    return sources


def _convert(component: ComponentSpec, original: Path, destination: Path, dtype: str) -> None:
    from ...models.full.load import convert  # imports torch: late, so that a dead link is told at once

    convert(component, original, destination, dtype)


def _raise_all(errors: Sequence[WeightsError]) -> None:
    """Raises the errors as one."""
    if errors:
        from ...weights.fetch import together

        raise together(errors)


# --- tables and bars -------------------------------------------------------------------------------------------------
def _component_table(components: Sequence[ComponentSpec], cache: Cache) -> Table:
    from ...weights.transfer import size

    table = _table("name", "component", "role", "size", "cached", "licence")
    for component in components:
        entry = cache.find(component.key)
        part = cache.arrived(component.key)
        cached = f"{size(entry.size)} {entry.dtype}" if entry else f"{size(part)} arrived" if part else "no"
        row = (component.key, component.name, component.role, size(component.size), cached, component.licence)
        table.add_row(*row)
    return table


def _plan_table(plans: Sequence[Plan]) -> Table:
    from ...weights.transfer import size

    table = _table("name", "component", "role", "to fetch")
    for plan in plans:
        amount = "cached" if plan.entry else "is here" if plan.local else size(plan.bytes)
        table.add_row(plan.component.key, plan.component.name, plan.component.role, amount)
    return table


def _places(rows: Iterable[tuple[str, object]]) -> str:
    return "\n".join(f"  {key:10} {shown(place)}" for key, place in rows)


def _facts(component: ComponentSpec) -> str:
    hashes = ", ".join(digest if len(digest) == 64 else f"{digest}…" for digest in component.sha256)
    return f"{component.parameters:>11,}  {hashes or 'as the source states it'}"


def _first_places(plans: Sequence[Plan]) -> str:
    rows = ((plan.component.key, plan.source) for plan in plans if plan.entry is None)
    return f"First place that is tried:\n{_places(rows)}"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in ("size", "to fetch") else "left")
    return table


Show = Callable[["ComponentSpec | None"], "Callable[[Progress], None]"]


@contextmanager
def _display(console: Console, plans: Sequence[Plan]) -> Iterator[Show]:
    """Shows progress: a bar for each file and one for all on a live terminal, elsewhere a line now and then."""
    if not console.live:
        yield lambda component: _PlainLines(console, component)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console.rich, transient=True) as bars:
        total = sum(plan.bytes for plan in plans)
        whole = bars.add_task("all", total=total) if len(plans) > 1 and total else None
        yield lambda component: _Bar(console, bars, whole, component)


class _PlainLines:
    """What happens to one file, as lines."""

    def __init__(self, console: Console, component: ComponentSpec | None) -> None:
        self.console = console
        self.name = component.role if component else "import"
        self.said = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        from ...weights.transfer import size

        now = time.monotonic()
        if progress.note:
            self.console.say(progress.note)
        elif now - self.said >= PLAIN_SECONDS:
            of = f" of {size(progress.total)}" if progress.total else ""
            self.console.say(f"{self.name}: {progress.step}, {size(progress.done)}{of}")
        else:
            return
        self.said = now


class _Bar:
    """What happens to one file, as a bar; notes go above the bars."""

    def __init__(self, console: Console, bars: Any, whole: Any, component: ComponentSpec | None) -> None:
        self.console = console
        self.bars = bars
        self.whole = whole
        self.name = component.role if component else "import"
        self.task = bars.add_task(self.name, total=None)
        self.arrived: int | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.note:
            self.console.say(progress.note)
            return
        step = "" if progress.step == "download" else f": {progress.step}"
        self.bars.update(self.task, description=f"{self.name}{step}", completed=progress.done, total=progress.total)
        if progress.step == "download" and self.whole is not None:
            before = progress.done if self.arrived is None else self.arrived
            self.bars.advance(self.whole, max(0, progress.done - before))
            self.arrived = progress.done
