"""The live display is drawn by a thread of its own, at any moment of what the run tells it."""

from __future__ import annotations

import io
import sys
from types import FrameType
from typing import Any

import rich.console

from diffstyler_cli.cli.stylize.live import Bars
from diffstyler_cli.cli.terminal.console import Console
from diffstyler_cli.losses.report import TermReport
from diffstyler_cli.pipeline.result import Progress


def test_it_can_be_drawn_between_any_two_lines_of_an_event() -> None:
    console = Console()
    console.rich = rich.console.Console(file=io.StringIO(), width=120, force_terminal=True)
    bars = Bars(console, preview=False)
    drawn = 0

    def at_each_line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal drawn
        if event == "line":
            sys.settrace(None)
            console.rich.print(bars.render())
            drawn += 1
            sys.settrace(calls)
        return at_each_line

    def calls(frame: FrameType, event: str, argument: Any) -> Any:
        return at_each_line if frame.f_code is Bars.__call__.__code__ else None

    before = sys.gettrace()
    sys.settrace(calls)
    try:
        for phase, losses in (("free", None), ("sample", ("content",)), ("sample", ("content", "nce")), ("sample", ())):
            terms = None if losses is None else {name: TermReport(1.0, 2.0, 0.5) for name in losses}
            bars(Progress(phase, 1, 2, None, terms, 0.1, (8, 8)))
    finally:
        sys.settrace(before)
    assert drawn > 20
    output = console.rich.file
    assert isinstance(output, io.StringIO)
    assert "nce" in output.getvalue()
