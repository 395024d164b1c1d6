"""What a run of many photos is to make: which photos, under which names, and what of it is there already."""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ....batch.done import State
from ....batch.inputs import Found, Photo, find_photos, listed
from ....batch.jobs import Job, Outcome
from ....batch.manifest import Known
from ....batch.names import check_names
from ....batch.states import states_of
from ....config import MachineConfig
from ....errors import InputImageError, OutputError, UsageError
from ....naming import cut
from ....remote import Place, Unreachable, Url, check_writable, exists, is_url, place_of, text_of_place
from ...terminal.console import Console, is_terminal
from ...terminal.notices import Notices
from ..operands import FOLDER
from ..reading import read_masks, read_photo
from ..typed import is_photo_like
from .request import ManyRequest
from .work import StylizeWork, file_in, other

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


def find(request: ManyRequest, notices: Notices) -> Found:
    """The photos, all of which exist but those of a list, of which nobody has said so."""
    if request.streamed:
        if sys.stdin is None or is_terminal(sys.stdin):
            raise UsageError("--from-file - reads standard input, which is a terminal.", "Pipe the photos in.")
        return Found()
    if request.from_file is not None:
        return Found([Photo(path) for path in dict.fromkeys(_list(request.from_file))])
    found = find_photos(request.photos, is_photo_like, recursive=request.recursive, but=request.folder)
    if found.passed_over:
        notices.add(f"{found.passed_over} files in the folders are not named as photos, and passed over.")
    gone = [photo.path for photo in found.photos if not photo.state and _is_gone(photo.path)]
    if gone:
        raise InputImageError(f"{cut(gone[0])} does not exist.", "Check the path; a name with spaces needs quotes.")
    return found


def _is_gone(path: str) -> bool:
    try:
        return not exists(place_of(path))
    except Unreachable:  # nobody can say: the job will
        return False


def _list(path: str) -> list[str]:
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


def without_results(photos: Sequence[Photo], known: Known, folder: Place | None, notices: Notices) -> list[Photo]:
    """The photos but for pictures of earlier runs, which lie among them where the folder of both is one."""
    made = [folder is not None and known.made(file_in(folder, photo.path)) for photo in photos]
    kept = [photo for photo, was_made in zip(photos, made, strict=True) if not was_made]
    if len(kept) < len(photos):
        notices.add(f"{len(photos) - len(kept)} of the photos are pictures that were made here, and are left out.")
    if photos and not kept:
        raise InputImageError("All of the photos are pictures that were made here.", "Name the photos themselves.")
    return kept


def check_folder(folder: Place | None) -> None:
    """Raises `UsageError` for what is no folder, `OutputError` for one that nothing can be written to."""
    if folder is None:
        return
    if isinstance(folder, Url):
        check_writable(folder)
        if is_photo_like(folder.name) and not folder.text.endswith("/"):
            raise UsageError(
                f"-o {folder} is the name of one picture.", f"For several give a folder: -o {folder.parent}"
            )
        return
    where = repr(str(folder))
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"{where} is no folder: several pictures go into one.", f"Give -o {FOLDER}.")
    if is_photo_like(folder.name) and not folder.exists():
        raise UsageError(f"-o {folder} is the name of one picture.", f"For several give a folder: -o {FOLDER}.")
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"No picture can be written to {where}.", "Give another folder with -o.")


def make_plan(request: ManyRequest, work: StylizeWork, photos: Sequence[Photo], seed: int) -> Plan:
    """Every picture with its name. Raises `UsageError` where two have one, or another picture has it already."""
    jobs = list(_jobs(request, photos, seed))
    given = map(text_of_place, request.base.inputs())
    inputs = {_file(path) for path in (*(photo.path for photo in photos), *given)} - {None}
    template = request.names()
    check_names(((job.photo, job.output) for job in jobs), template, lambda output: _file(output) in inputs)
    _check_formats(jobs, template.has_format)
    todo: list[Job] = []
    through: list[Outcome] = []
    others: list[tuple[str, str]] = []
    states = states_of(photos, request.folder)
    for job in jobs:
        asked = work.asked(job)
        try:
            state = work.look(job, states)
        except Unreachable:  # the job will say so
            todo.append(job)
            continue
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


def _jobs(request: ManyRequest, photos: Sequence[Photo], seed: int) -> Iterator[Job]:
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
                yield Job(number, photo.path, _joined(folder, photo.under, name), prompts, own)


def _joined(folder: Place, under: str, name: str) -> str:
    return os.path.join(folder, under, name) if isinstance(folder, Path) else (folder / under / name).text


def _check_formats(jobs: Sequence[Job], plain: bool) -> None:
    from ....images.write import output_format

    for suffix in {Path(job.output).suffix.lower(): job.output for job in jobs[: 1 if plain else None]}.values():
        output_format(suffix, "--name-template")


def seconds_of(jobs: Sequence[Job], request: ManyRequest, work: StylizeWork, machine: MachineConfig) -> float | None:
    """About how long it takes to make these pictures, as far as runs have measured it; the models are not loaded."""
    from ..foresight import Foresight

    photo = _any(jobs, request)
    if photo is None:
        return None
    weights = [prompt.weight for prompt in request.base.parsed_prompts()] + [style.weight for style in work.styles]
    masks = read_masks(request.base, photo, Notices(Console(quiet=True)))
    seconds = Foresight(work.base.config(machine.models), machine, photo, weights, [None], masks).seconds
    return None if seconds is None else seconds * len(jobs)


def _any(jobs: Sequence[Job], request: ManyRequest) -> LoadedImage | None:
    """A photo that can be read: its size stands for that of all."""
    for job in jobs[:_TRIED]:
        try:
            one = dataclasses.replace(request.base, image=job.photo)
            return read_photo(one, Notices(Console(quiet=True)))
        except InputImageError:
            continue
    return None


def _file(path: str) -> tuple[int, int] | str | None:
    """What tells a file from every other one, by whatever name; None where there is none."""
    if is_url(path):
        return path
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino
