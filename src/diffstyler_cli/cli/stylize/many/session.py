"""Carries out a run of many photos: planned and checked as a whole before models are loaded, then one by one."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ....batch.engine import Engine, LocalEngine
from ....batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome
from ....batch.manifest import SCHEMA, Known, Manifest
from ....batch.parts import Parts, manifest_of
from ....errors import OutputError
from ....naming import without_secrets
from ....remote import Place, place_of
from ....version import __version__
from ...history import note
from ...models import LoadedModels
from ...speeds import TELL, duration
from ...terminal.console import Console, is_terminal
from ...terminal.errors import SomeFailed
from ...terminal.notices import Notices
from ..reading import read_palette, read_styles
from ..session import DRAWN_SEEDS, doubts
from .account import ManyAccount
from .cluster import LOCAL, RAY
from .live import Display, display
from .plan import Plan, check_folder, find, make_plan, seconds_of, without_results
from .request import ManyRequest
from .resident import Reads, jobs_of
from .work import StylizeWork
from .workers import engine_on, is_relative, open_on

if TYPE_CHECKING:
    pass


class ManySession:
    """Carries out one run, by `engine`."""

    def __init__(self, console: Console, models: LoadedModels, engine: Engine | None = None) -> None:
        self.console = console
        self.models = models
        self.notices = Notices(console)
        self.account = ManyAccount(models, self.notices)
        self._engine = engine
        self._manifest: Manifest | Parts | None = None

    def run(self, request: ManyRequest, read: Reads) -> None:
        """Makes what is not there yet; `read` gives prompts of jobs as they are meant.

        Raises what is wrong before the first picture, and `SomeFailed` where pictures failed.
        """
        account, folder = self.account, request.folder
        account.folder = folder
        found = find(request, self.notices)
        check_folder(folder)
        known = Known(None if folder is None else manifest_of(folder))
        seed = account.seed = self._seed(request, known)
        styles = read_styles(request.base, self.notices)
        base = request.base.with_settings(seed=seed) if request.streamed else request.single()
        palette, force = read_palette(base, self.notices), request.base.force
        work = StylizeWork(
            base, styles, palette, self.console, self.models, folder, known, force=force, retry=request.retry,
            batch=request.batch,
        )  # fmt: skip
        self.notices.add(doubts(work.base.config(work.model_set)))
        if request.streamed:
            self._carry_out(request, work, None, jobs_of(request, seed, read))
            return
        plan = make_plan(request, work, without_results(found.photos, known, folder, self.notices), seed)
        account.total = len(plan.todo) + len(plan.known)
        if request.base.dry_run:
            self._foretell(request, work, plan, drawn="seed" not in request.base.settings and seed != known.seed)
            return
        self._carry_out(request, work, plan, plan.todo)

    # --- before ------------------------------------------------------------------------------------------------------
    def _seed(self, request: ManyRequest, known: Known) -> int:
        """As given; or that of the last run here, so that its pictures are those that are asked for; or a new one."""
        given = request.base.settings.get("seed")
        if given is not None:
            return int(given)
        return random.SystemRandom().randrange(DRAWN_SEEDS) if known.seed is None else known.seed

    def _foretell(self, request: ManyRequest, work: StylizeWork, plan: Plan, *, drawn: bool) -> None:
        """Says what would be done, for --dry-run; `drawn`: the run itself will draw another seed."""
        from ....pipeline.machine import resolve
        from ..foresight import NOT_MEASURED, machine_line

        account = self.account
        for outcome in plan.known:
            account.count(outcome)
        elsewhere = request.cluster is not None
        machine = None if elsewhere else resolve(request.base.machine(), request.base.weights).config
        seconds = None if machine is None else seconds_of(plan.todo, request, work, machine)
        photos = len({job.photo for job in plan.todo})
        there = f"; {account.told()}" if plan.known else ""
        told = "drawn" if drawn else str(account.seed)
        of = "1 photo" if photos == 1 else f"{photos} photos"
        self.console.say(f"A dry run: nothing is made. {len(plan.todo)} pictures of {of} to make, seed {told}{there}")
        self.console.say(f"{work.model_set} models on a Ray cluster" if machine is None else machine_line(machine))
        if plan.todo and not elsewhere:
            about = NOT_MEASURED if seconds is None else f"About {duration(seconds)}, beside loading the models"
            self.console.say(about)
        account.plan = {
            "paths": [without_secrets(job.output) for job in plan.todo],
            "seconds": None if seconds is None else round(seconds, 1),
        }
        for job in plan.todo:
            self.console.written(place_of(job.output), planned=True)

    # --- the pictures ------------------------------------------------------------------------------------------------
    def _carry_out(self, request: ManyRequest, work: StylizeWork, plan: Plan | None, jobs: Iterable[Job]) -> None:
        """Makes the pictures of the jobs, which are the plan's, or without one those that come."""
        account, console = self.account, self.console
        with self._engine_for(request, work, plan) as engine:
            self._begin(request, work)
            account.running = True
            try:
                with display(console, account) as shown:
                    for outcome in () if plan is None else plan.known:
                        self._tell(outcome, shown)
                    if account.counts[SKIPPED] and account.total is not None:
                        console.say(f"{account.counts[SKIPPED]} of {account.total} pictures are there already.")
                    work.watch = shown.step
                    engine.run(jobs, work, lambda outcome: self._tell(outcome, shown))
            finally:
                self._end(request)
        console.say(f"{account.told()}{'' if request.folder is None else f', in {request.folder}'}")
        if account.counts[DONE]:
            console.say_command(request.command_words(account.seed), "Same again: ")
        if account.counts[FAILED]:
            raise self._some_failed(request)

    @contextmanager
    def _engine_for(self, request: ManyRequest, work: StylizeWork, plan: Plan | None) -> Iterator[Engine]:
        """The engine, with models where there is something to do. Raises what is wrong with them, or with prompts."""
        console = self.console
        if plan is not None and not plan.todo:
            yield self._engine or LocalEngine(1)
            return
        if request.cluster is not None:
            relative = plan is None or is_relative(plan.todo)
            remote = engine_on(
                request.cluster, request.base, work.model_set, request.folder, console, relative=relative
            )
            try:
                open_on(remote, work, request.base, console, self.notices, self.account)
                yield remote
            finally:
                remote.close()
            return
        stylizer = self.models.load(request.base.machine(), request.base.weights, console, self.notices)
        prompts = request.base.all_prompts()
        self.notices.add(stylizer.check_prompts(prompts) if prompts else [])
        seconds = seconds_of(plan.todo if plan else (), request, work, stylizer.networks.machine)
        if plan is not None and seconds is not None and seconds > TELL:
            console.say(f"About {duration(seconds)} for {len(plan.todo)} pictures", "dim")
        yield self._engine or LocalEngine(work.at_once())

    def _tell(self, outcome: Outcome, shown: Display) -> None:
        """Into the account, the manifest and onto the screen; by one thread at a time."""
        self.account.count(outcome)
        noted = outcome.again or outcome.stops or (outcome.status == SKIPPED and "asked" not in outcome.facts)
        if self._manifest is not None and not noted:
            row = outcome.to_json()
            if outcome.status == SKIPPED:  # found, of a run whose manifest is not there
                row["status"] = DONE
            self._manifest.add("picture", row)
        shown.tell(outcome)
        if self.console.json:
            self.console.document(outcome.to_json())
        elif outcome.status == DONE or (outcome.status == SKIPPED and self.account.total is None):
            self._print(place_of(outcome.job.output))

    def _print(self, path: Place) -> None:
        """The path of a picture; while something moves on the same terminal the display has it."""
        if self.console.live and is_terminal(sys.stdout):
            self.console.say(str(path), verbatim=True)
        else:
            self.console.written(path)

    def _begin(self, request: ManyRequest, work: StylizeWork) -> None:
        """Makes the folder and notes the run. Raises `OutputError`."""
        folder = request.folder
        if folder is None:
            return
        try:
            if isinstance(folder, Path):
                folder.mkdir(parents=True, exist_ok=True)
            self._manifest = manifest_of(folder)
            self._manifest.add(
                "run",
                {
                    "schema": SCHEMA,
                    "version": __version__,
                    "process": os.getpid(),
                    "current_folder": os.getcwd(),
                    "seed": self.account.seed,
                    "pictures": self.account.total,
                    "models": work.model_set,
                    "engine": LOCAL if request.cluster is None else RAY,
                    "command": request.command_line(self.account.seed),
                },
            )
        except OSError as error:
            raise OutputError(
                f"The folder {str(folder)!r} cannot be written to: {error.strerror}.", "Give another with -o."
            ) from error
        _tidy(folder)

    def _end(self, request: ManyRequest) -> None:
        account, folder = self.account, request.folder
        if self._manifest is None or folder is None:
            return
        if request.cluster is not None:
            _tidy(folder)  # after workers that were lost
        seconds = time.monotonic() - account.began
        with suppress(OSError, OutputError):  # a full disk: what ended the run is said instead
            self._manifest.add("end", {"process": os.getpid(), **account.counts, "seconds": round(seconds, 3)})
            self._manifest.close()
        if account.counts[DONE] and request.base.metadata:
            command = request.command_line(account.seed)
            note("stylize", folder, account.size, request.base.prompts, seconds, command, account.counts[DONE])

    def _some_failed(self, request: ManyRequest) -> SomeFailed:
        account = self.account
        count = sum(account.counts.values())
        where = f"; diffstyler inspect {request.folder} names them" if request.folder is not None else ""
        return SomeFailed(
            f"{account.counts[FAILED]} of {count} pictures failed{where}.",
            "Mend or leave out those photos; --retry-failed tries them again.",
        )


def _tidy(folder: Place) -> None:
    """Removes what killed processes left on the way to its name; at an address nothing is left."""
    from ....images.write import remove_stale

    for place, _, _ in os.walk(folder) if isinstance(folder, Path) else ():
        remove_stale(Path(place))
