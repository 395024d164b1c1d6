"""The way of a `stylize` with many photos from its arguments to the run."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from ....errors import UsageError
from ....naming import cut
from ...terminal.shell import joined
from ..operands import check_operands
from ..request import Request, without_idle
from ..typed import is_picture_name
from .operands import Operands
from .request import ManyRequest, check_many

if TYPE_CHECKING:
    from ...scaffold import Call

__all__ = ["ManyRequest", "stylize_many"]


def stylize_many(
    call: Call, request: ManyRequest, operands: Operands, *, as_typed: bool, show: bool, interactive: bool
) -> None:
    """Checks the request, asks for a style where none is given, and carries it out."""
    from ..wording import Reader
    from .session import ManySession

    session = ManySession(call.console, call.state.models)
    call.account, call.console.lines = session.account, True
    base = request.base
    if operands.notice:
        session.notices.add(operands.notice)
    if not as_typed:
        check_operands(base, call.state.arguments, operands.photos, elsewhere=True)
    base = without_idle(dataclasses.replace(base, image=None), call.lent)
    if not (base.asks() or request.streamed):
        if call.may_ask:  # what is wrong otherwise is said before the question
            check_many(call, dataclasses.replace(request, base=base), show=show, interactive=interactive)
        base = _with_style(call, request, base)
    request = dataclasses.replace(request, base=base)
    check_many(call, request, show=show, interactive=interactive)
    asked = Reader(call.console, session.notices, call.may_ask)
    reader = Reader(call.console, session.notices, False)
    if not as_typed:
        request = dataclasses.replace(request, base=asked.read(base, 0 if request.each else len(operands.blended)))

    def read(prompts: tuple[str, ...]) -> tuple[str, ...]:
        return prompts if as_typed else reader.read_all(prompts, base)

    session.run(request, read)


def _with_style(call: Call, request: ManyRequest, base: Request) -> Request:
    """The request with a style that is asked for. Raises `UsageError` where nobody can be asked."""
    if call.may_ask:
        from ..questions import ask_style

        return dataclasses.replace(base, prompts=(ask_style(call.console, "Which style?"),))
    photos = request.photos
    if len(photos) == 2 and all(os.path.isfile(path) and is_picture_name(path) for path in photos):
        words = call.state.arguments
        place = words.index(photos[1]) if photos[1] in words else len(words)
        line = joined(["diffstyler", *words[:place], "--style-image", *words[place:]])
        raise UsageError(
            f"No prompt is given: {cut(photos[0])} and {cut(photos[1])} are both photos.",
            f"For the style of the second: {line}",
        )
    because = f" ({call.why_not_ask}, so it cannot be asked for)" if call.why_not_ask else ""
    raise UsageError(
        f"No prompt is given{because}.",
        'Say the style after the photos, as in "oil painting", or give --style-image PATH.',
    )
