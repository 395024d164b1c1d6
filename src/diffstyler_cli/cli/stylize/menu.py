"""What to do next with a picture, for a person at a terminal: each row names the options that it stands for."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config import StylizeConfig, options
from ...errors import DiffStylerError
from ...remote import exists, is_folder, is_url, place_of, text_of_place
from ...size import Size
from ...sweep.around import around, described
from ...sweep.axes import render_values
from ...t1 import T1
from ..options import arguments
from ..terminal.ask import Dispatch, ask_name, confirm, pick, run_other
from ..terminal.choose import Back
from ..terminal.console import escaped
from ..terminal.errors import Left, explain
from .account import Picture
from .live import about
from .questions import ask_style
from .request import Request, check
from .session import DRAWN_SEEDS, Run, Session

STRENGTH_STEP = 0.2
"""Of the menu's "stronger" and "weaker"."""

Change = Callable[[Request, StylizeConfig], Request]


@dataclass(frozen=True)
class Next:
    """A row of the what-next menu: a changed request, something to do with the pictures at hand, or another command."""

    label: str
    change: Change | None = None
    act: Callable[[Session, Run], None] | None = None
    ask: Callable[[Session, Request], Request] | None = None
    """A change that has a question. Raises `Back`."""
    words: Callable[[Request, StylizeConfig], list[str]] | None = None
    """Another command line."""
    names: str = ""
    """The option that `act` or `ask` stands for; those of a change and of other words are read off them."""


def another_seed(request: Request, config: StylizeConfig) -> Request:
    """Other random draws."""
    return request.with_settings(seed=random.SystemRandom().randrange(DRAWN_SEEDS))


def stronger(request: Request, config: StylizeConfig) -> Request:
    """More of the style, less of the photo; what the command line sets by itself stays."""
    return _with_strength(request, config, STRENGTH_STEP)


def weaker(request: Request, config: StylizeConfig) -> Request:
    """The opposite of `stronger`."""
    return _with_strength(request, config, -STRENGTH_STEP)


def more_content(request: Request, config: StylizeConfig) -> Request:
    """The photo's structure weighs double, and more of it is in the starting point."""
    settings: dict[str, Any] = {"t1": _moved_t1(config, 0.2)}
    if config.guidance_scale > 0 or config.noise_iters > 0:
        settings["w_content"] = round(min(2 * config.w_content or 3.0, _high("w_content")), 3)
    return request.with_settings(**settings)


def larger(request: Request, config: StylizeConfig) -> Request:
    """The same picture at twice its size: its first pass is the same, and more detail is drawn into it."""
    size = Size.parse(config.size).doubled
    return request if size is None else request.with_settings(size=size)


def blend(session: Session, request: Request) -> Request:
    """One more style, beside those that are there."""
    there = [prompt.text for prompt in request.parsed_prompts()]
    return dataclasses.replace(
        request, prompts=(*request.prompts, ask_style(session.console, "Which style, too?", but=there))
    )


def keep_as(session: Session, run: Run) -> None:
    """Writes a picture under a name that is asked for."""
    from ...images.write import next_name

    picture = _one(session, run)
    name = "picture.png" if picture.path is None else picture.path.name
    default = next_name(picture.path if isinstance(picture.path, Path) else Path(name))
    session.keep_as(picture, ask_name(session.console, default))


def open_picture(session: Session, run: Run) -> None:
    """Shows a picture in the desktop's viewer."""
    session.open(_one(session, run))


def _one(session: Session, run: Run) -> Picture:
    by_name = {escaped(str(picture.path)): picture for picture in run.pictures}
    name = next(iter(by_name)) if len(by_name) == 1 else pick(session.console, "Which one?", list(by_name))
    return by_name[name]


def sweep_words(request: Request, config: StylizeConfig) -> list[str]:
    """The command line that sets the picture among its neighbours in λ and T1, in a folder of its own."""
    from ...images.write import next_name

    ranges = _ranges(request, config)
    photo = Path("picture" if request.image in (None, "-") else str(request.image))
    plain = dataclasses.replace(
        request,
        settings={name: value for name, value in request.settings.items() if name not in ranges},
        output=str(next_name(photo.parent / f"{photo.stem}-sweep")),
        variations=1,
        force=False,
        metadata=True,
    )
    return plain.words("sweep", _axis_words(request, config))


def _ranges(request: Request, config: StylizeConfig) -> dict[str, tuple[Any, ...]]:
    return around({}, config, but=("lam",) if request.places.lambda_mask is not None else ())


def _axis_words(request: Request, config: StylizeConfig) -> list[str]:
    ranges = _ranges(request, config)
    return [word for name, values in ranges.items() for word in (options()[name].flag, render_values(values))]


def _sweep_question(run: Run) -> str:
    """What a sweep around this is and takes, by the time that the picture took."""
    ranges = _ranges(run.request, run.config)
    count = math.prod(len(values) for values in ranges.values())
    seconds = count * sum(picture.timings["total"] for picture in run.pictures) / len(run.pictures)
    return f"{count} pictures, {described(ranges, run.config)}; {about(seconds)}. Start?"


MENU: tuple[Next, ...] = (
    Next("again with another seed", change=another_seed),
    Next("stronger", change=stronger),
    Next("weaker", change=weaker),
    Next("more content", change=more_content),
    Next("larger", change=larger),
    Next("blend another style", ask=blend, names="one more PROMPT"),
    Next("sweep around this", words=sweep_words),
    Next("open picture", act=open_picture, names="--open"),
    Next("keep as ...", act=keep_as, names="-o NAME"),
)
"""What the menu offers, before "done". One more choice is one more row."""


def what_next(session: Session, run: Run, dispatch: Dispatch) -> None:
    """Offers the menu until the person is done; other commands are run by `dispatch`.

    Ctrl-C in a run that began here comes back to the menu; at a question it leaves, as `Left`.
    """
    while True:
        requests = [row.change(run.request, run.config) if row.change else run.request for row in MENU]
        rows = {_label(row, run, request): (row, request) for row, request in zip(MENU, requests, strict=True)}
        # a change that changes nothing, such as "stronger" at the limit, or that cannot be run, is not offered
        rows = {
            label: pair
            for label, pair in rows.items()
            if not _is_for_files(pair[0], run)
            and (not pair[0].change or (pair[1] != run.request and _makes_sense(pair[1])))
        }
        try:
            answer = pick(session.console, "What next?", list(rows), leave="done", back="done")
        except Back:
            return
        row, request = rows[answer]
        written = len(session.account.pictures)
        try:
            if row.words:
                if confirm(session.console, _sweep_question(run)):
                    run_other(session.console, row.words(run.request, run.config), dispatch)
            elif row.act:
                row.act(session, run)
            else:
                run = session.run(_beside(row.ask(session, request) if row.ask else request))
        except Back:
            continue
        except Left:
            raise
        except KeyboardInterrupt:
            session.console.say(" ".join(session.account.kept("Interrupted", written)).strip())
        except DiffStylerError as error:  # nothing is lost by it: the person may choose again
            session.console.fail(explain(error))


def _makes_sense(request: Request) -> bool:
    try:
        check(request)
    except DiffStylerError:
        return False
    return True


def _is_for_files(row: Next, run: Run) -> bool:
    """Whether a row needs a file of this machine, where the run has an address."""
    if row.words:
        return is_url(str(run.request.image))
    return row.act is open_picture and not all(isinstance(picture.path, Path) for picture in run.pictures)


def _label(row: Next, run: Run, after: Request) -> str:
    before = run.request
    changed = {name: value for name, value in after.settings.items() if before.settings.get(name) != value}
    words = [word for old, word in zip(before.prompts, after.prompts, strict=True) if word != old]
    if row.words:
        return escaped(f"{row.label}  ({shlex.join(['diffstyler', 'sweep', '...', *_axis_words(before, run.config)])})")
    names = row.names or shlex.join([*words, *arguments(changed)])
    return escaped(f"{row.label}  ({names})")


def _beside(request: Request) -> Request:
    """The request with the next free name, where -o named a file that the run before has written.

    Several pictures are numbered after that name: then one whose numbers are all free.
    """
    from ...images.write import next_name, numbered

    if request.output is None or is_folder(path := place_of(request.output)):
        return request
    if request.variations == 1:
        return dataclasses.replace(request, output=text_of_place(next_name(path)))
    stems = itertools.chain([path], (numbered(path, n) for n in itertools.count(2)))
    numbers = range(1, request.variations + 1)
    free = next(stem for stem in stems if not any(exists(numbered(stem, n)) for n in numbers))
    return dataclasses.replace(request, output=text_of_place(free))


def _with_strength(request: Request, config: StylizeConfig, by: float) -> Request:
    return request.with_settings(strength=min(max(round(config.strength + by, 2), 0.0), 1.0))


def _moved_t1(config: StylizeConfig, by: float) -> str:
    """T1 moved by so many multiples of T, in the form in which it was given."""
    return str(T1.parse(config.t1).moved(by, config.steps))


def _high(name: str) -> float:
    high = options()[name].high
    return float("inf") if high is None else high
