"""The way of a `sweep` of many photos from its arguments to the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...stylize.many.operands import Operands
from ...stylize.operands import check_operands
from ..request import SweepRequest
from .request import ManySweepsRequest, check_many

if TYPE_CHECKING:
    from ...scaffold import Call
    from ...terminal.notices import Notices

Complete = Callable[["Notices", SweepRequest], SweepRequest]
"""The request with its prompts as they are meant, and with what it does not give."""


def sweep_many(
    call: Call, request: ManySweepsRequest, operands: Operands, check: Callable[[], None], complete: Complete,
    *, as_typed: bool, show: bool,
) -> None:  # fmt: skip
    """Checks the request, as `check` does that of one photo, and carries it out; `show` opens the overview."""
    from .session import ManySweeps

    session = ManySweeps(call.console, call.state.models)
    call.account, call.console.lines = session.account, True
    check()
    if operands.notice:
        session.notices.add(operands.notice)
    each = request.each
    if not as_typed:
        every = dataclasses.replace(each.base, prompts=tuple(each.prompts()))
        check_operands(every, call.state.arguments, operands.photos)
    check_many(call, request)
    each = complete(session.notices, each).without_idle(call.lent)
    each.check()
    try:
        session.run(dataclasses.replace(request, each=each.with_base(image=None)))
    finally:
        if show:
            session.open()
