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
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import UsageError
from ..naming import cut, without_secrets
from ..version import __version__
from .completion import COMPLETION_OPTIONS, CURRENT, INSTALL, SHOW, install_script, prepare, shell_option, show_script
from .models import LoadedModels
from .options import spelt_out
from .scaffold import State
from .terminal.choose import Back
from .terminal.console import LOG, Console, prepare_streams
from .terminal.errors import Failure, Interrupted, Terminated, explain
from .terminal.help import Page, help_options
from .terminal.log import close_log
from .terminal.shell import joined

COMMANDS = ("stylize", "sweep", "inspect", "download")
"""Folders here whose `command.py` has a function `command` and a line `SUMMARY`: a new command is one more of them."""

PAGE = Page(
    (
        'diffstyler stylize photo.png "oil painting"',
        "diffstyler stylize --list-styles",
        "diffstyler sweep --lambda 0:1:0.25",
        "diffstyler  # asks what to do",
    )
)
HELP = [annotation for _, annotation in help_options(PAGE)]


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
        context_settings={"help_option_names": []},  # ours have examples: terminal/help.py
        add_completion=False,  # ours take the shell's name: completion.py
        cls=Group,
    )
    prepare()
    app.callback(invoke_without_command=True)(_alone)
    for name in COMMANDS:
        module = importlib.import_module(f".{name}.command", __package__)
        app.command(name, short_help=module.SUMMARY)(module.command)
    app.command("help", short_help="Show this page, or that of a command.", hidden=True)(_help)
    return app


class Group(TyperGroup):
    """The commands; an option that takes a shell's name may stand without it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the name of the current shell where there is none."""
        for index, word in reversed(list(enumerate(args))):
            following = args[index + 1 : index + 2]
            if word in COMPLETION_OPTIONS and (not following or following[0].startswith("-")):
                args = [*args[: index + 1], CURRENT, *args[index + 1 :]]
        return super().parse_args(ctx, args)


def _alone(
    context: typer.Context,
    show_completion: Annotated[str | None, shell_option("--show-completion", SHOW)] = None,
    install_completion: Annotated[str | None, shell_option("--install-completion", INSTALL)] = None,
    version: Annotated[bool, typer.Option("-V", "--version", metavar="", help="Print the version and leave.")] = False,
    show_help: HELP[0] = False,  # type: ignore[valid-type]  # an Annotated
    show_all: HELP[1] = False,  # type: ignore[valid-type]  # an Annotated
) -> int:
    """Turn a photograph into a picture in a style that you can say.

    Alone, at a terminal, it offers what can be done.
    """
    state: State = context.obj
    console = state.console
    if version:
        console.text(f"diffstyler {__version__}")
        raise typer.Exit()
    for shell, act in ((show_completion, show_script), (install_completion, install_script)):
        if shell is not None:
            console.text(act(shell))
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


def _help(
    context: typer.Context,
    command: Annotated[str | None, typer.Argument(metavar="COMMAND", show_default=False)] = None,
) -> int:
    """Show this page, or that of a command."""
    words = ["--help"] if command is None else [command, "--help"]
    if command is not None and command not in COMMANDS:
        close = difflib.get_close_matches(command, COMMANDS, n=1)
        advice = f"Did you mean: diffstyler help {close[0]}" if close else f"Commands: {', '.join(COMMANDS)}."
        raise UsageError(f"There is no command {cut(command)}.", advice)
    state: State = context.obj
    raise typer.Exit(state.dispatch(words))


def _report(error: Exception, console: Console, arguments: Sequence[str]) -> int:
    first = arguments[0] if arguments else ""
    failure = explain(error, f"diffstyler {first}" if first in COMMANDS else "diffstyler")
    if failure.code == 2 and first and first not in COMMANDS:
        meant = _meant(list(arguments))
        if meant:
            failure = Failure(2, failure.message, f"Did you mean: {joined(['diffstyler', *meant], console.encoding)}")
    file = next((word for word in arguments if word.startswith("-") and word != "-" and os.path.isfile(word)), "")
    if failure.code == 2 and file and type(error).__name__ == "NoSuchOption":
        failure = Failure(2, failure.message, f"For the file of that name write ./{file}")
    try:
        trace = without_secrets("".join(traceback.format_exception(error)))
        LOG.debug("%s", trace)
        if "--debug" in arguments:
            console.traceback(trace)
        console.fail(failure)
    except BrokenPipeError:
        return 141
    return failure.code


def _meant(arguments: list[str]) -> list[str]:
    """The command line that was meant by one whose first word is no command; [] where nobody knows."""
    first, *rest = arguments
    close = difflib.get_close_matches(first, COMMANDS, n=1)
    if close:
        return [*close, *rest]
    if os.path.exists(first):
        return ["stylize", *arguments]

    from ..models.lite.words import names_a_style

    photos = [word for word in rest if os.path.isfile(word)]
    if photos:
        return ["stylize", photos[0], *(word for word in arguments if word != photos[0])]
    return ["stylize", "photo.png", *arguments] if names_a_style(first) else []


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
