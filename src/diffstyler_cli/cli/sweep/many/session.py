"""Carries out the sweeps of many photos: planned as a whole, then the cells of all of them as jobs of one engine."""

from __future__ import annotations

import dataclasses
import itertools
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ....batch.jobs import Job, Outcome
from ....errors import DiffStylerError, InputImageError, OutputError
from ...history import note
from ...models import LoadedModels
from ...stylize.many.plan import check_folder
from ...stylize.reading import read_masks, read_palette, read_photo, read_styles
from ...stylize.session import doubts
from ...terminal.console import LOG, Console, is_terminal
from ...terminal.errors import SomeFailed, explain
from ...terminal.notices import Notices
from ..engines import Hands, hands_for
from ..prepare import Maker, Prepared, known_of, make_plan, prepared
from ..work import SweepWork, jobs_of, ready, take
from .account import ManyAccount
from .foresight import announce, foretell
from .live import Display, Lines, display
from .plan import DONE, FAILED, OVERVIEW, SKIPPED, Entry, find, make_entries, settle
from .request import ManySweepsRequest
from .told import summary, write_page

if TYPE_CHECKING:
    from ....images import LoadedImage
    from ....pipeline.style_images import StylePicture
    from ....sweep.run import Progress


class ManySweeps:
    """Carries out one run.

    Args:
        hands: who makes the cells; None for whom a request names.
    """

    def __init__(self, console: Console, models: LoadedModels, hands: Hands | None = None) -> None:
        self.console = console
        self.models = models
        self.notices = Notices(console)
        self.account = ManyAccount(models, self.notices)
        self._hands = hands
        self._screen: Display = Lines(console, self.account)
        self._by_folder: dict[str, Entry] = {}
        self._open: dict[int, Entry] = {}
        """Those that are under way, by their number."""
        self._lock = threading.RLock()
        self._over = False

    def run(self, request: ManySweepsRequest) -> None:
        """Makes what is not there yet. Raises what is wrong before the first sweep, and `SomeFailed`."""
        from ....sweep.overview import check_overview

        account, each = self.account, request.each
        account.folder = request.folder
        photos = find(request, self.notices)
        check_folder(request.folder)
        check_overview(request.folder / OVERVIEW)
        base = dataclasses.replace(each.base, settings=each.settings())
        styles, palette = read_styles(base, self.notices), read_palette(base, self.notices)
        machine = base.machine()
        chosen = self.models.chosen(machine, base.weights)
        plan = partial(make_plan, each, chosen, [style.weight for style in styles], None)
        entries = make_entries(request, photos)
        account.seed, drawn = settle(
            request, entries, lambda seed: known_of(plan(seed), chosen, machine, styles, palette)
        )
        account.entries = entries
        shown = plan(account.seed)
        self.notices.add([*shown.notices(), *doubts(*(cell.config for cell in shown.possible))])
        announce(self.console, entries, shown)
        if each.dry_run:
            seed = None if drawn else account.seed
            account.plan = foretell(self.console, request, entries, shown, machine, seed)
            return
        self._by_folder = {entry.folder: entry for entry in entries}
        account.running = True
        try:
            self._carry_out(request, entries, styles, palette)
        finally:
            self._leave(request)
        self._finish(request)

    def open(self) -> None:
        """Shows the overview in the browser; a notice says where it is if that does not work."""
        from ...terminal.opener import open_file

        if self.account.overview is not None:
            self.notices.add_again(open_file(self.account.overview))

    # --- the sweeps --------------------------------------------------------------------------------------------------
    def _carry_out(
        self, request: ManySweepsRequest, entries: Sequence[Entry], styles: Sequence[StylePicture],
        palette: LoadedImage | None,
    ) -> None:  # fmt: skip
        each = request.each
        todo = self._todo(request, entries, styles, palette)
        first = next(todo, None)
        if first is None:
            return
        work = SweepWork(each, self.console, self.models, styles, palette, alone=False)

        def watch(job: Job, progress: Progress, notices: Sequence[str]) -> None:
            LOG.debug("%s %d/%d", progress.phase, progress.step, progress.steps)
            self.notices.add(notices, late=True)
            self._screen.step(self._by_folder[job.output], progress)

        def tell(outcome: Outcome) -> None:
            entry = self._by_folder[outcome.job.output]
            standing = entry.standing
            if standing is None:
                return
            self.notices.add(outcome.facts.get("notices", ()), late=True)
            take(standing, outcome)
            entry.left -= 1
            if not entry.left and not outcome.stops:
                work.end(standing)
                self._through(request, entry)

        work.watch = watch
        photos = [entry.photo for entry in entries]
        with hands_for(
            each, work, request.folder, photos, self.console, self.notices, self.account, self._hands
        ) as hands:
            maker = ready(work, hands.engine, self.notices)
            request.folder.mkdir(parents=True, exist_ok=True)
            jobs = self._jobs(request, itertools.chain([first], todo), maker, work, hands.parts)
            with display(self.console, self.account) as self._screen:
                hands.engine.run(jobs, work, tell)

    def _todo(
        self, request: ManySweepsRequest, entries: Sequence[Entry], styles: Sequence[StylePicture],
        palette: LoadedImage | None,
    ) -> Iterator[tuple[Entry, Prepared]]:  # fmt: skip
        """The sweeps that are to be made; what is there, or cannot be, is told of meanwhile."""
        for entry in entries:
            try:
                notices = Notices(Console(quiet=True, strict=self.console.strict))
                one = request.of(entry.photo, entry.folder, entry.seed)
                base = dataclasses.replace(one.base, settings=one.settings())
                image = read_photo(base, notices)
                places = read_masks(base, image, notices, rest=bool(one.prompts()))
                found = prepared(one, self.models, image, styles, palette, places)
                entry.cells, entry.notes = len(found.plan.possible), notices.texts
                found.check()
                standing = found.finished() if self.models.stylizer is None else None
                if standing is None:
                    yield entry, found
                    continue
                entry.claim = ExitStack()
                entry.claim.enter_context(found.folder.claimed(standing.folder.identity))
                entry.standing = standing
            except Exception as error:
                if not isinstance(error, InputImageError) and entry is entries[0]:
                    raise  # it is of the command rather than of the photo
                self._fail(entry, error)
            else:
                self._through(request, entry)

    def _jobs(
        self, request: ManySweepsRequest, todo: Iterator[tuple[Entry, Prepared]], maker: Maker, work: SweepWork,
        parts: int,
    ) -> Iterator[Job]:  # fmt: skip
        """The jobs of each sweep, whose folder is claimed before the first of them."""
        from ....sweep import report

        number = 1
        for entry, found in todo:
            claim = ExitStack()
            try:
                claim.enter_context(found.folder.claimed(found.identity(maker), force=found.request.base.force))
                with self._lock:
                    if self._over:
                        claim.close()
                        return
                    entry.claim = claim
                    standing = found.standing(maker)
                    standing.resume()
                    jobs = list(jobs_of(standing, entry.photo, number, parts))
                    entry.standing, entry.left = standing, len(jobs)
                    self._open[entry.number] = entry
                if jobs:
                    rows = report.rows(standing, found.request.command_of)
                    report.write_manifests(standing, rows, grid=found.request.grid)
                    work.begin(standing)
            except DiffStylerError as error:
                claim.close()
                self._fail(entry, error)
                continue
            number += len(jobs)
            if not jobs:
                self._through(request, entry)
            yield from jobs

    def _through(self, request: ManySweepsRequest, entry: Entry) -> None:
        """Draws a sweep whose cells are through, and lets go of its folder."""
        from ....sweep import report

        standing = entry.standing
        if standing is None:
            return
        one = request.of(entry.photo, entry.folder, entry.seed)
        entry.made, entry.size = len(standing.made), standing.result_size
        entry.seconds = sum(made.seconds for made in list(standing.made.values())[standing.resumed :])
        error: Exception | None = None
        try:
            rows = report.rows(standing, one.command_of)
            if standing.made:
                report.write(standing, rows, grid=one.grid)
            else:
                report.write_manifests(standing, rows, grid=one.grid)
        except (DiffStylerError, OSError) as caught:
            error = caught
        if standing.failed:
            error = error or standing.first_error()
        if error is not None:
            failure = explain(error)
            some = f"{len(standing.failed)} of {entry.cells} cells failed: " if standing.failed else ""
            entry.code, entry.message, entry.advice = failure.code, some + failure.message, failure.advice
        new = len(standing.made) > standing.resumed
        entry.status = FAILED if error is not None else DONE if new else SKIPPED
        self._close(entry)
        self._tell(entry)

    def _fail(self, entry: Entry, error: Exception) -> None:
        """Notes that a sweep could not begin."""
        failure = explain(error)
        entry.status, entry.code, entry.message, entry.advice = FAILED, failure.code, failure.message, failure.advice
        self._close(entry)
        self._tell(entry)

    def _close(self, entry: Entry) -> None:
        """Lets go of the sweep and its folder."""
        with self._lock:
            self._open.pop(entry.number, None)
            claim, entry.claim, entry.standing = entry.claim, None, None
        if claim is not None:
            claim.__exit__(*sys.exc_info())

    def _tell(self, entry: Entry) -> None:
        with self._lock:  # sweeps that are there already are found while others are made
            self._screen.tell(entry)
            if self.console.json:
                self.console.document(entry.to_json())
            elif entry.made and entry.page.exists():
                self._print(entry.page)

    def _print(self, path: Path) -> None:
        """The path of a page; while something moves on the same terminal the display has it."""
        if self.console.live and is_terminal(sys.stdout):
            self.console.say(str(path), verbatim=True)
        else:
            self.console.written(path)

    # --- after -------------------------------------------------------------------------------------------------------
    def _leave(self, request: ManySweepsRequest) -> None:
        """Lets go of sweeps that something cut short; their manifests say what is there."""
        from ....sweep import report

        with self._lock:
            self._over = True
        for entry in list(self._open.values()):
            standing = entry.standing
            if standing is None:
                continue
            one = request.of(entry.photo, entry.folder, entry.seed)
            with suppress(OutputError, OSError):
                report.write_manifests(standing, report.rows(standing, one.command_of), grid=one.grid)
            entry.made = len(standing.made)
            kept = standing
            self._close(entry)
            entry.standing = kept  # for what is said of the interruption

    def _finish(self, request: ManySweepsRequest) -> None:
        """The overview, the summary, the command; raises `SomeFailed`."""
        account, console = self.account, self.console
        if any(entry.made for entry in account.entries):
            with console.working("Drawing"):
                account.overview = write_page(request, account.entries)
        if len(account.entries) > 1:
            console.render(summary(account.entries, console.unicode))
        console.say(f"{account.told()}, in {request.folder}")
        if account.overview is not None:
            console.written(account.overview)
        seed = account.seed or 0
        if account.counts[DONE]:
            size = next(entry.size for entry in account.entries if entry.made)
            note(
                "sweep", request.folder, size, request.each.asks(), time.monotonic() - account.began,
                request.command_line(seed), sum(entry.made for entry in account.entries),
            )  # fmt: skip
            console.say_command(request.command_words(seed), "Same again: ")
        failed = [entry for entry in account.entries if entry.status == FAILED]
        if failed:
            first = failed[0]
            which = "" if len(failed) == 1 else "the first "
            raise SomeFailed(
                f"{len(failed)} of {len(account.entries)} sweeps failed, {which}{first.photo}: {first.message}",
                "Mend or leave out those photos; the same command makes what is missing.",
            )
