"""One table from exceptions to exit codes, and the two lines that a person reads: what and why, then what next.

Importing this module costs nothing: torch's out-of-memory error is recognised without importing torch.
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import DiffStylerError, InputImageError, OutOfMemoryError, UsageError, WeightsError, out_of_memory
from ...naming import without_secrets
from .hints import hint

EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "failed at run time",
    2: "wrong usage",
    3: "an input image could not be used",
    4: "weights missing or corrupt, or no network",
    5: "out of memory",
    6: "some of several pictures failed",
    130: "interrupted by Ctrl-C (finished pictures are kept and named)",
    141: "the reader of standard output went away",
    143: "terminated by SIGTERM (likewise)",
}
"""Every exit code and its meaning, as --help and docs/cli.md print them."""

INTERRUPTED = (130, 143)
"""The exit codes of Ctrl-C and SIGTERM."""

MEMORY_ADVICE = "Try a smaller --size or --tile, --dtype bf16, or --guide none, which needs no backward pass."


class Interrupted(DiffStylerError):
    """Ctrl-C or SIGTERM; carries the exit code that goes with it.

    `leaves`: it ends the menu, too, that the command was chosen from.
    """

    def __init__(self, code: int, message: str, advice: str = "", *, leaves: bool = False) -> None:
        super().__init__(message, advice)
        self.code = code
        self.leaves = leaves


class Left(KeyboardInterrupt):
    """Ctrl-C at a question: the person leaves, and nothing was under way."""


class Terminated(BaseException):
    """Raised in the main thread by the SIGTERM handler, so that the same clean-up runs as for Ctrl-C."""


class SomeFailed(DiffStylerError):
    """Some of several pictures failed; the others are written (exit code 6)."""


@dataclass(frozen=True)
class Failure:
    """What is shown of an error: its exit code, one line of what and why, one of what to do next ("" for none)."""

    code: int
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the table of errors.

    Args:
        what: what has happened, for the documentation.
        matches: whether an exception is of this kind.
        code: the exit code; 0 stands for the exception's own.
        message: what and why, from the exception.
        advice: what to do next, where the exception itself has none.
    """

    what: str
    matches: Callable[[BaseException], bool]
    code: int
    message: Callable[[Any], str] = str
    advice: str = ""


def _is(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


def _system(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def _where(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


def _unforeseen(error: BaseException) -> str:
    return f"Unexpected error: {type(error).__name__}" + (f": {error}" if str(error) else "")


TABLE = (
    Row("Ctrl-C or SIGTERM", _is(Interrupted), 0),
    Row("wrong usage: `UsageError`", _is(UsageError), 2),
    Row(
        "wrong usage: the option parser's errors",
        lambda error: getattr(error, "exit_code", None) == 2 and hasattr(error, "format_message"),
        2,
        lambda error: _usage(error)[0],
        "See {command} --help.",
    ),
    Row("an input image: `InputImageError`", _is(InputImageError), 3),
    Row("weights or the network: `WeightsError`", _is(WeightsError), 4),
    Row("out of memory, as we say it: `OutOfMemoryError`", _is(OutOfMemoryError), 5, advice=MEMORY_ADVICE),
    Row("out of memory, as Python and torch say it", out_of_memory, 5, lambda error: "Out of memory.", MEMORY_ADVICE),
    Row("several pictures: `SomeFailed`", _is(SomeFailed), 6),
    Row("a result, NaN: `OutputError`, `NumericalError`, all of ours", _is(DiffStylerError), 1),
    Row(
        "the disk or quota is full",
        _system(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        1,
        lambda error: f"The disk is full{_where(error)}.",
        "Free some space, or give -o a folder on another disk.",
    ),
    Row(
        "a file or folder may not be used",
        _system(errno.EACCES, errno.EPERM, errno.EROFS),
        1,
        lambda error: f"{error.strerror or error}{_where(error)}.",
        "Give -o a folder that you may write to.",
    ),
    Row(
        "any other error of the system: `OSError`",
        _is(OSError),
        1,
        lambda error: f"{error.strerror or error}{_where(error)}.",
        "Run it again with --debug for the traceback.",
    ),
    Row(
        "anything else: a bug",
        _is(BaseException),
        1,
        _unforeseen,
        "Run it again with --log-file FILE and report it, with the file.",
    ),
)
"""From exceptions to message, advice and exit code: the first row that matches decides. docs/cli.md shows it."""


def explain(error: BaseException, command: str = "diffstyler") -> Failure:
    """The exit code and the two lines for any exception, foreign ones (torch, the parser, the system) included.

    `command` is the one whose --help a usage error points at.
    """
    row = next(row for row in TABLE if row.matches(error))
    advice = getattr(error, "advice", "") or " ".join([_guess(error), row.advice.format(command=command)]).strip()
    code = row.code or error.code  # type: ignore[attr-defined]  # rows without a code are of our own errors
    return Failure(code, without_secrets(row.message(error)), without_secrets(advice))


def _usage(error: BaseException) -> tuple[str, str]:
    """Message and guess of the parser, read by attribute: some Typers carry a copy of click, others use click."""
    if type(error).__name__ == "NoSuchOption":
        known = hint(str(getattr(error, "option_name", "")), *_command_of(error))
        if known:
            return f"There is no option {getattr(error, 'option_name', '')}.", known
        possible = list(getattr(error, "possibilities", None) or ())
        typed = str(getattr(error, "option_name", ""))
        close = " or ".join(difflib.get_close_matches(typed, possible, n=2, cutoff=0))  # the closest first
        guess = f"Did you mean {close}?" if close else ""
        return f"There is no option {getattr(error, 'option_name', '')}.", guess
    whole = error.format_message()  # type: ignore[attr-defined]  # every error of either click has it
    message = " ".join(whole.split()).partition(" Did you mean ")[0]
    return message.rstrip(".") + ".", ""


def _command_of(error: BaseException) -> tuple[set[str], str]:
    """The options of the command that the parser was reading, and its name."""
    context = getattr(error, "ctx", None)
    command = getattr(context, "command", None)
    parameters = getattr(command, "params", [])
    return {name for parameter in parameters for name in parameter.opts}, getattr(command, "name", "") or ""


def _guess(error: BaseException) -> str:
    return _usage(error)[1] if type(error).__name__ == "NoSuchOption" else ""
