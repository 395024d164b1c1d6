"""The `diffstyler` command: its sub-commands, what it does alone, and the way out: every error becomes an exit code."""

from __future__ import annotations

import difflib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Annotated

import typer

from ..errors import UsageError
from ..version import __version__
from .models import LoadedModels
from .options import markup, spelt_out
from .scaffold import State
from .terminal.choose import Back
from .terminal.console import LOG, Console, prepare_streams
from .terminal.errors import EXIT_CODES, Failure, Interrupted, Terminated, explain
from .terminal.log import close_log
from .terminal.shell import joined

COMMANDS = ("stylize", "sweep", "inspect", "download")
"""Folders here whose `command.py` has a function `command` and a line `SUMMARY`: a new command is one more of them."""

EPILOG = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + "."


def main() -> None:
    """Console entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; no exception gets out."""
    prepare_streams()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return _run(list(arguments), LoadedModels())
    finally:
        _drop_dead_streams()
        close_log()


def _run(arguments: list[str], models: LoadedModels, *, chosen: bool = False) -> int:
    """Runs a command line with models that may be loaded already; menus run what is `chosen` in them by this, too.

    Raises what concerns the menu: `Back`, and `typer.Exit` where the person leaves or the process is told to end.
    """
    state = State(arguments, lambda others: _run(others, models, chosen=True), Console(), models)
    try:
        return int(build()(spelt_out(arguments), prog_name="diffstyler", standalone_mode=False, obj=state) or 0)
    except KeyboardInterrupt:
        return 130
    except Terminated:
        return 143
    except Back:
        if chosen:
            raise
        return 0
    except SystemExit as leave:  # Typer leaves this way where a closed pipe stops it from printing help
        return 141 if isinstance(leave.__context__, BrokenPipeError) else int(leave.code or 0)
    except BrokenPipeError:
        return 141
    except Exception as error:
        code = _report(error, state.console, arguments)
        if chosen and isinstance(error, Interrupted) and error.leaves:
            raise typer.Exit(code) from None
        return code


def build() -> typer.Typer:
    """The Typer application with all its commands."""
    app = typer.Typer(
        name="diffstyler",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=markup(EPILOG),
    )
    app.callback(invoke_without_command=True)(_alone)
    for name in COMMANDS:
        module = importlib.import_module(f".{name}.command", __package__)
        app.command(name, short_help=module.SUMMARY, epilog=markup(EPILOG))(module.command)
    return app


def _alone(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", metavar="", help="Print the version and leave.")] = False,
) -> int:
    """Turn a photograph into a picture in a style that you can say.

    Alone, at a terminal, it offers what can be done. Try: diffstyler stylize photo.png "oil painting"
    """
    state: State = context.obj
    console = state.console
    if version:
        console.text(f"diffstyler {__version__}")
        raise typer.Exit()
    if context.invoked_subcommand is not None:
        return 0
    reason = console.why_not_ask()
    if reason:
        raise UsageError(f"No command is given ({reason}, so nothing is asked).", "See diffstyler --help.")

    from .terminal.ask import pick_command

    summaries = [(name, importlib.import_module(f".{name}.command", __package__).SUMMARY) for name in COMMANDS]
    while True:
        arguments = pick_command(console, summaries)
        with suppress(Back):  # from the command's first question
            code = state.dispatch(arguments)
            if code != 130:  # a run that was interrupted
                raise typer.Exit(code)


def _report(error: Exception, console: Console, arguments: Sequence[str]) -> int:
    first = arguments[0] if arguments else ""
    failure = explain(error, f"diffstyler {first}" if first in COMMANDS else "diffstyler")
    if failure.code == 2 and first and first not in COMMANDS:
        close = difflib.get_close_matches(first, COMMANDS, n=1)
        if close or os.path.exists(first):
            meant = [*close, *arguments[1:]] if close else ["stylize", *arguments]
            failure = Failure(2, failure.message, f"Did you mean: {joined(['diffstyler', *meant], console.encoding)}")
    file = next((word for word in arguments if word.startswith("-") and word != "-" and os.path.isfile(word)), "")
    if failure.code == 2 and file and type(error).__name__ == "NoSuchOption":
        failure = Failure(2, failure.message, f"For the file of that name write ./{file}")
    try:
        trace = "".join(traceback.format_exception(error))
        LOG.debug("%s", trace)
        if "--debug" in arguments:
            console.traceback(trace)
        console.fail(failure)
    except BrokenPipeError:
        return 141
    return failure.code


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _drop_dead_streams() -> None:
    """Lets the interpreter leave without a complaint about a stream that takes no more: reader gone, disk full."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
