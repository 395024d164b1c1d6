"""One table from exceptions to exit codes, and the two lines that a person reads: what and why, then what next.

Importing this module costs nothing: torch's out-of-memory error is recognised without importing torch.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from ..errors import DiffStylerError, InputImageError, OutOfMemoryError, UsageError, WeightsError

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

MEMORY_ADVICE = "Try a smaller --size, --dtype bf16, or --guide none, which needs no backward pass."


class Interrupted(DiffStylerError):
    """Ctrl-C or SIGTERM; carries the exit code that goes with it."""

    def __init__(self, code: int, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.code = code


class Terminated(BaseException):
    """Raised in the main thread by the SIGTERM handler, so that the same clean-up runs as for Ctrl-C."""


class SomeFailed(DiffStylerError):
    """Some of several pictures failed; the others are written (exit code 6)."""


CODES: tuple[tuple[type[DiffStylerError], int], ...] = (
    (UsageError, 2),
    (InputImageError, 3),
    (WeightsError, 4),
    (OutOfMemoryError, 5),
    (SomeFailed, 6),
    (DiffStylerError, 1),
)
"""The first row whose type matches decides."""


@dataclass(frozen=True)
class Failure:
    """What is shown of an error: its exit code, one line of what and why, one of what to do next ("" for none)."""

    code: int
    message: str
    advice: str = ""


def explain(error: BaseException, command: str = "diffstyler") -> Failure:
    """The exit code and the two lines for any exception, foreign ones (torch, the parser, the system) included.

    `command` is the one whose --help a usage error points at.
    """
    if isinstance(error, Interrupted):
        return Failure(error.code, error.message, error.advice)
    if isinstance(error, DiffStylerError):
        code = next(code for kind, code in CODES if isinstance(error, kind))
        advice = error.advice or (MEMORY_ADVICE if code == 5 else "")
        return Failure(code, error.message, advice)
    if out_of_memory(error):
        return Failure(5, "Out of memory.", MEMORY_ADVICE)
    if isinstance(error, OSError):
        return _system(error)
    if getattr(error, "exit_code", None) == 2 and hasattr(error, "format_message"):
        return _usage(error, command)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Failure(1, f"Unexpected error: {what}", "Run it again with --debug for the traceback, and please report it.")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's, torch's own error class, or the CPU and MPS allocators' plain RuntimeError."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text))
    )


def _system(error: OSError) -> Failure:
    where = f": {error.filename}" if error.filename else ""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(1, f"The disk is full{where}.", "Free some space, or give -o a folder on another disk.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Failure(1, f"{reason}{where}.", "Give -o a folder that you may write to.")
    return Failure(1, f"{reason}{where}.", "Run it again with --debug for the traceback.")


def _usage(error: BaseException, command: str) -> Failure:
    """A usage error of the option parser, read by attribute: some Typers carry a copy of click, others use click."""
    help_line = f"See {command} --help."
    if type(error).__name__ == "NoSuchOption":
        close = " or ".join(sorted(getattr(error, "possibilities", None) or ()))
        message = f"There is no option {getattr(error, 'option_name', '')}."
        return Failure(2, message, f"Did you mean {close}? {help_line}" if close else help_line)
    message = " ".join(error.format_message().split()).partition(" Did you mean ")[0]  # type: ignore[attr-defined]
    return Failure(2, message.rstrip(".") + ".", help_line)
