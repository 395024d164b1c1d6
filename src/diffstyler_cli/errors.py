"""What can go wrong, as types. Each says what happened and what to do next; `cli/errors.py` maps them to exit codes."""

from __future__ import annotations

import errno
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class DiffStylerError(Exception):
    """Base of all errors that a user can meet.

    Args:
        message: one line: what happened, and why.
        advice: one line: what to do next, naming the option or command.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class UsageError(DiffStylerError):
    """A setting or argument that cannot be used (exit code 2)."""


class InputImageError(DiffStylerError):
    """An input image that is missing or cannot be read (exit code 3)."""


class WeightsError(DiffStylerError):
    """Weights that are missing, corrupt or of the wrong shape (exit code 4)."""


class OutOfMemoryError(DiffStylerError):
    """The device's or the machine's memory did not suffice (exit code 5)."""


class OutputError(DiffStylerError):
    """A result that could not be written (exit code 1)."""


class NumericalError(DiffStylerError):
    """A network or loss returned NaN or infinity (exit code 1)."""


_SAID = ("out of memory", "cannot allocate memory", "can't allocate memory", "failed to map segment", "bad_alloc")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out.

    That is Python's own error, torch's class, the CPU and MPS allocators' plain RuntimeError, the system's ENOMEM, or a
    library whose code did not fit any more.
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (
            (isinstance(error, (RuntimeError, ImportError, OSError)) or type(error).__name__ == "SafetensorError")
            and any(words in str(error).lower() for words in _SAID)
        )
    )


def cause_of(error: BaseException, kind: type[E]) -> E | None:
    """The error of that kind that led to this one, or is it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__
    return cause


def takes_nothing(error: BaseException) -> bool:
    """Whether the system takes no file any more: a full disk or quota, or one that may only be read."""
    found = cause_of(error, OSError)
    return found is not None and found.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
