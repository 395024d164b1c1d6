"""Carries out a run of many photos: planned and checked as a whole before models are loaded, then one by one."""

from __future__ import annotations

import dataclasses
import os
import random
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ....batch.done import State
from ....batch.engine import Engine, LocalEngine
from ....batch.inputs import Found, Photo, find_photos, listed
from ....batch.jobs import DONE, FAILED, SKIPPED, Job, Outcome
from ....batch.manifest import SCHEMA, Known, Manifest
from ....batch.names import check_names
from ....errors import InputImageError, OutputError, UsageError
from ....naming import cut
from ....version import __version__
from ...history import note
from ...models import LoadedModels
from ...terminal.console import Console, is_terminal
from ...terminal.errors import SomeFailed
from ...terminal.notices import Notices
from ..operands import FOLDER
from ..reading import read_photo, read_styles
from ..session import DRAWN_SEEDS, Session, doubts
from ..typed import is_photo_like
from .account import ManyAccount
from .live import Display, display
from .request import ManyRequest
from .resident import Reads, jobs_of
from .work import StylizeWork, other

if TYPE_CHECKING:
    from ....images import LoadedImage

LARGEST_LIST = 1 << 30
"""Bytes of a list of photos."""
_MOST_TOLD = 3
_TRIED = 8
"""Photos that are tried for one whose size stands for all."""


@dataclass(frozen=True)
class Plan:
    """What is to be done: jobs to carry out, and what is known of the others already."""

    todo: Sequence[Job]
    known: Sequence[Outcome]


class ManySession:
    """Carries out one run, by `engine`."""

    def __init__(self, console: Console, models: LoadedModels, engine: Engine | None = None) -> None:
        self.console = console
        self.models = models
        self.notices = Notices(console)
        self.account = ManyAccount(models, self.notices)
        self._engine = engine or LocalEngine()
        self._manifest: Manifest | None = None

    def run(self, request: ManyRequest, read: Reads) -> None:
        """Makes what is not there yet; `read` gives prompts of jobs as they are meant.

        Raises what is wrong before the first picture, and `SomeFailed` where pictures failed.
        """
        account, folder = self.account, request.folder
        account.folder = folder
        found = self._photos(request)
        self._check_folder(folder)
        known = Known(Manifest(folder)) if folder is not None else Known(Manifest(Path(os.devnull)))
        seed = account.seed = self._seed(request, known)
        styles = read_styles(request.base, self.notices)
        work = StylizeWork(
            request.base.with_settings(seed=seed) if request.streamed else request.single(), styles, self.console,
            self.models, folder, known, force=request.base.force, retry=request.retry,
        )  # fmt: skip
        self.notices.add(doubts(work.base.config(work.model_set)))
        if request.streamed:
            self._carry_out(request, work, jobs_of(request, seed, read), ())
            return
        plan = self._plan(request, work, found.photos, seed)
        account.total = len(plan.todo) + len(plan.known)
        if request.base.dry_run:
            self._foretell(request, work, plan, drawn="seed" not in request.base.settings and seed != known.seed)
            return
        self._carry_out(request, work, plan.todo, plan.known)

    # --- before ------------------------------------------------------------------------------------------------------
    def _photos(self, request: ManyRequest) -> Found:
        """The photos, all of which exist but those of a list, of which nobody has said so."""
        if request.streamed:
            if sys.stdin is None or is_terminal(sys.stdin):
                raise UsageError("--from-file - reads standard input, which is a terminal.", "Pipe the photos in.")
            return Found()
        if request.from_file is not None:
            return Found([Photo(path) for path in dict.fromkeys(self._list(request.from_file))])
        found = find_photos(request.photos, is_photo_like, recursive=request.recursive, but=request.folder)
        if found.passed_over:
            self.notices.add(f"{found.passed_over} files in the folders are not named as photos, and passed over.")
        gone = [photo.path for photo in found.photos if not os.path.lexists(photo.path)]
        if gone:
            raise InputImageError(f"{cut(gone[0])} does not exist.", "Check the path; a name with spaces needs quotes.")
        return found

    def _list(self, path: str) -> list[str]:
        try:
            if stat.S_ISREG(os.stat(path).st_mode) and os.path.getsize(path) > LARGEST_LIST:
                raise UsageError(f"The list {cut(path)} has more than {LARGEST_LIST:,} bytes.", "Split it.")
            with open(path, "rb") as file:
                photos = listed(file.read(LARGEST_LIST))
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
            raise UsageError(f"The list {cut(path)} cannot be read: {reason}.", "Check the path.") from error
        if not photos:
            raise UsageError(f"The list {cut(path)} names no photo.", "Write one a line.")
        return photos

    def _check_folder(self, folder: Path | None) -> None:
        """Raises `UsageError` for what is no folder, `OutputError` for one that nothing can be written to."""
        if folder is None:
            return
        where = repr(str(folder))
        if os.path.lexists(folder) and not folder.is_dir():
            raise UsageError(f"{where} is no folder: several pictures go into one.", f"Give -o {FOLDER}.")
        if is_photo_like(folder.name) and not folder.exists():
            raise UsageError(f"-o {folder} is the name of one picture.", f"For several give a folder: -o {FOLDER}.")
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise OutputError(f"No picture can be written to {where}.", "Give another folder with -o.")

    def _seed(self, request: ManyRequest, known: Known) -> int:
        """As given; or that of the last run here, so that its pictures are those that are asked for; or a new one."""
        given = request.base.settings.get("seed")
        if given is not None:
            return int(given)
        if known.seed is not None and not request.base.force:
            return known.seed
        return random.SystemRandom().randrange(DRAWN_SEEDS)

    def _plan(self, request: ManyRequest, work: StylizeWork, photos: Sequence[Photo], seed: int) -> Plan:
        """Every picture with its name. Raises `UsageError` where two have one, or another picture has it already."""
        jobs = list(self._jobs(request, photos, seed))
        inputs = {_place(path) for path in (*(photo.path for photo in photos), *map(str, request.base.inputs()))}
        template = request.names()
        check_names(((job.photo, job.output) for job in jobs), template, lambda output: _place(output) in inputs)
        self._check_formats(jobs, template.has_format)
        todo: list[Job] = []
        through: list[Outcome] = []
        others: list[tuple[str, str]] = []
        for job in jobs:
            asked = work.asked(job)
            state = work.look(job)
            if state.state is State.THERE:
                through.append(work.there(job, asked.digest, noted=state.noted))
            elif state.state is State.FAILED:
                through.append(work.failed_before(job, state.code, state.message, state.advice))
            elif state.state is State.OTHER and not request.base.force:
                others.append(other(job.output, state.differences))
            else:
                todo.append(job)
        if others:
            message, advice = others[0]
            more = f" So are {len(others) - 1} more." if len(others) > 1 else ""
            raise UsageError(message + more, advice)
        return Plan(todo, through)

    def _jobs(self, request: ManyRequest, photos: Sequence[Photo], seed: int) -> Iterator[Job]:
        template, folder = request.names(), request.folder or Path()
        sets, variations = request.prompt_sets(), request.base.variations
        total = len(photos) * len(sets) * variations
        words = [request.words_of(prompts) for prompts in sets]
        number = 0
        for photo in photos:
            for prompts, told in zip(sets, words, strict=True):
                for own in range(seed, seed + variations):
                    number += 1
                    digits = f"{number:0{len(str(total))}d}"
                    name = template.name(photo.path, told, own, digits, request.extension())
                    yield Job(number, photo.path, os.path.join(folder, photo.under, name), prompts, own)

    def _check_formats(self, jobs: Sequence[Job], plain: bool) -> None:
        from ....images.write import output_format

        for suffix in {Path(job.output).suffix.lower(): job.output for job in jobs[: 1 if plain else None]}.values():
            output_format(suffix, "--name-template")

    def _foretell(self, request: ManyRequest, work: StylizeWork, plan: Plan, *, drawn: bool) -> None:
        """Says what would be done, for --dry-run; `drawn`: the run itself will draw another seed."""
        from ....pipeline.machine import resolve
        from ...speeds import duration
        from ..foresight import NOT_MEASURED, Foresight, machine_line

        account = self.account
        for outcome in plan.known:
            account.count(outcome)
        machine = resolve(request.base.machine(), request.base.weights).config
        weights = [p.weight for p in request.base.parsed_prompts()] + [style.weight for style in work.styles]
        photo = self._any(plan.todo, request)
        seconds = None
        if photo is not None:
            foresight = Foresight(work.base.config(machine.models), machine, photo, weights, [None])
            seconds = None if foresight.seconds is None else foresight.seconds * len(plan.todo)
        photos = len({job.photo for job in plan.todo})
        there = f"; {account.told()}" if plan.known else ""
        told = "drawn" if drawn else str(account.seed)
        of = "1 photo" if photos == 1 else f"{photos} photos"
        self.console.say(f"A dry run: nothing is made. {len(plan.todo)} pictures of {of} to make, seed {told}{there}")
        self.console.say(machine_line(machine))
        if plan.todo:
            about = NOT_MEASURED if seconds is None else f"About {duration(seconds)}, beside loading the models"
            self.console.say(about)
        account.plan = {
            "paths": [job.output for job in plan.todo],
            "seconds": None if seconds is None else round(seconds, 1),
        }
        for job in plan.todo:
            self.console.written(Path(job.output), planned=True)

    def _any(self, jobs: Sequence[Job], request: ManyRequest) -> LoadedImage | None:
        """A photo that can be read: its size stands for that of all."""
        for job in jobs[:_TRIED]:
            try:
                one = dataclasses.replace(request.base, image=job.photo)
                return read_photo(one, Session(Console(quiet=True), self.models).notices)
            except InputImageError:
                continue
        return None

    # --- the pictures ------------------------------------------------------------------------------------------------
    def _carry_out(
        self, request: ManyRequest, work: StylizeWork, jobs: Iterable[Job], through: Sequence[Outcome]
    ) -> None:
        account, console = self.account, self.console
        self._begin(request, work)
        account.running = True
        try:
            if request.streamed or jobs:
                stylizer = self.models.load(request.base.machine(), request.base.weights, console, self.notices)
                prompts = request.base.parsed_prompts()
                self.notices.add(stylizer.check_prompts(prompts) if prompts else [])
            with display(console, account) as shown:
                for outcome in through:
                    self._tell(outcome, shown)
                if account.counts[SKIPPED] and account.total is not None:
                    console.say(f"{account.counts[SKIPPED]} of {account.total} pictures are there already.")
                work.watch = shown.step
                self._engine.run(jobs, work, lambda outcome: self._tell(outcome, shown))
        finally:
            self._end(request)
        console.say(f"{account.told()}{'' if request.folder is None else f', in {request.folder}'}")
        if account.counts[DONE]:
            console.say_command(request.command_words(account.seed), "Same again: ")
        if account.counts[FAILED]:
            raise self._some_failed(request)

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
            self._print(Path(outcome.job.output))

    def _print(self, path: Path) -> None:
        """The path of a picture; while something moves on the same terminal the display has it."""
        if self.console.live and is_terminal(sys.stdout):
            self.console.say(str(path), verbatim=True)
        else:
            self.console.written(path)

    def _begin(self, request: ManyRequest, work: StylizeWork) -> None:
        """Makes the folder and notes the run. Raises `OutputError`."""
        from ....images.write import remove_stale

        folder = request.folder
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._manifest = Manifest(folder)
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
                    "command": request.command_line(self.account.seed),
                },
            )
        except OSError as error:
            raise OutputError(
                f"The folder {str(folder)!r} cannot be written to: {error.strerror}.", "Give another with -o."
            ) from error
        for place, _, _ in os.walk(folder):
            remove_stale(Path(place))

    def _end(self, request: ManyRequest) -> None:
        account, folder = self.account, request.folder
        if self._manifest is None or folder is None:
            return
        seconds = time.monotonic() - account.began
        with suppress(OSError):  # a full disk: what ended the run is said instead
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


def _place(path: str) -> str:
    return os.path.realpath(path)
