"""Carries sweeps out and shows how they go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...batch.jobs import Job, Outcome
from ..history import note
from ..models import LoadedModels
from ..speeds import TELL, duration
from ..stylize.session import doubts
from ..terminal.console import LOG, Console
from ..terminal.errors import SomeFailed, explain
from ..terminal.notices import Notices
from .account import SweepAccount, Swept
from .engines import Hands, hands_for
from .prepare import Prepared, prepare
from .request import SweepRequest
from .work import SweepWork, jobs_of, ready, take

if TYPE_CHECKING:
    from ...sweep.run import Progress
    from ...sweep.standing import Standing


class SweepSession:
    """Carries out sweeps one after the other, with one set of models.

    Args:
        hands: who makes the cells; None for whom a request names. An engine that is `Opening` loads the models, too.
    """

    def __init__(self, console: Console, models: LoadedModels, hands: Hands | None = None) -> None:
        self.console = console
        self.models = models
        self.notices = Notices(console)
        self.account = SweepAccount(models, self.notices)
        self._hands = hands

    def run(self, request: SweepRequest) -> Swept | None:
        """Makes the cells that are missing, then grids, page and manifests; None if it was a dry run.

        Where all of it is there, no models are loaded. Raises the error of the first cell if none could be made,
        `SomeFailed` if some could not.
        """
        from .foresight import announce

        account = self.account
        account.standing = None
        sweep = prepare(request, self.models, self.notices)
        sweep.check()
        self.notices.add([*sweep.plan.notices(), *doubts(*(cell.config for cell in sweep.plan.possible))])
        if request.dry_run:
            self._foretell(sweep)
            return None
        there = sweep.finished() if self.models.stylizer is None else None
        if there is not None:
            account.planned = announce(self.console, sweep, there.machine)
            with sweep.folder.claimed(there.folder.identity):
                account.standing = there
                self._say_resumed(there)
                return self._finish(request, there, time.monotonic())
        work = SweepWork(request, self.console, self.models, sweep.styles, sweep.palette)
        where, photo = sweep.folder.path, str(request.base.image)
        with hands_for(request, work, where, [photo], self.console, self.notices, account, self._hands) as hands:
            maker = ready(work, hands.engine, self.notices)
            # the hashes of the models are known now: the folder may turn out to have a sweep of others
            sweep.settle(lambda plan: sweep.identity(maker, plan))
            account.planned = announce(self.console, sweep, maker.machine)
            with sweep.folder.claimed(sweep.identity(maker), force=request.base.force):
                standing = account.standing = sweep.standing(maker)
                standing.resume()
                return self._make_cells(request, work, standing, hands)

    def _foretell(self, sweep: Prepared) -> None:
        """Says what would be made, for --dry-run, without the models; its files on standard output."""
        from ...pipeline.machine import resolve
        from ..stylize.foresight import NOT_MEASURED, machine_line
        from .foresight import announce

        machine = resolve(sweep.machine, sweep.request.base.weights).config
        planned = self.account.planned = announce(self.console, sweep, machine)
        seconds = planned["seconds"]
        if sweep.request.cluster is not None:
            self.console.say(f"{machine.models} models on a Ray cluster")
            seconds = planned["seconds"] = None
        else:
            self.console.say(machine_line(machine))
        self.console.say(NOT_MEASURED if seconds is None else f"About {duration(seconds)}, beside loading the models")
        for path in planned["paths"]:
            self.console.written(Path(path), planned=True)

    def open(self, swept: Swept) -> None:
        """Shows the page in the browser; a notice says where it is if that does not work."""
        from ...sweep.folder import PAGE
        from ..terminal.opener import open_file

        self.notices.add_again(open_file(swept.standing.folder.path / PAGE))

    # --- while -------------------------------------------------------------------------------------------------------
    def _make_cells(self, request: SweepRequest, work: SweepWork, standing: Standing, hands: Hands) -> Swept:
        from ...sweep import report
        from .live import display
        from .pace import Pace

        began, console = time.monotonic(), self.console
        self._say_resumed(standing)
        pace = Pace(standing)
        seconds = None if request.cluster else pace.estimate(standing.made)
        if seconds is not None and seconds > TELL:
            console.say(f"About {duration(seconds)}", "dim")
        work.begin(standing)
        jobs = list(jobs_of(standing, str(request.base.image), at_least=hands.parts))
        if jobs:
            report.write_manifests(standing, report.rows(standing, request.command_of), grid=request.grid)
        try:
            with display(console, standing, preview=self._previews(request)) as show:

                def watch(job: Job, progress: Progress, notices: Sequence[str]) -> None:
                    self.notices.add(notices, late=True)
                    LOG.debug("%s %d/%d", progress.phase, progress.step, progress.steps)
                    pace.saw(progress)
                    show(progress)

                def tell(outcome: Outcome) -> None:
                    self.notices.add(outcome.facts.get("notices", ()), late=True)
                    cells = take(standing, outcome)
                    if cells:
                        show.told(cells)

                work.watch = watch
                hands.engine.run(jobs, work, tell)
            pace.learn()
        finally:
            if jobs:
                report.write_manifests(standing, report.rows(standing, request.command_of), grid=request.grid)
        if not standing.made:
            raise standing.first_error()
        return self._finish(request, standing, began)

    def _say_resumed(self, standing: Standing) -> None:
        if standing.resumed:
            self.console.say(f"{standing.resumed} of {len(standing.plan.possible)} cells are there already.")

    def _finish(self, request: SweepRequest, standing: Standing, began: float) -> Swept:
        """Draws what is not drawn yet, and says where it is. Raises `SomeFailed`."""
        from ...sweep import report

        console, plan = self.console, standing.plan
        with console.working("Drawing"):
            rows: list[dict[str, Any]] = report.rows(standing, request.command_of)
            written = report.write(standing, rows, grid=request.grid)
        swept = self.account.swept = Swept(request, standing, rows, written)
        if len(standing.made) > standing.resumed:
            note(
                "sweep", standing.folder.path, standing.result_size, request.asks(), time.monotonic() - began,
                request.command_line(), len(standing.made),
            )  # fmt: skip
        for path in swept.written:
            console.written(path)
        console.say_command(request.with_seed(plan.config.seed).command_words(), "Same again: ")
        if standing.failed:
            for index, error in standing.failed.items():
                console.say(f"Cell {index + 1} failed: {explain(error).message}", "red")
            first = explain(standing.first_error())
            raise SomeFailed(
                f"{len(standing.failed)} of {len(plan.possible)} cells failed: {first.message}", first.advice
            )
        return swept

    def _previews(self, request: SweepRequest) -> bool:
        from ..terminal.preview import why_not

        if not request.base.preview:
            return False
        reason = why_not(self.console)
        if reason:
            self.notices.add(f"No preview: {reason}.")
        return not reason
