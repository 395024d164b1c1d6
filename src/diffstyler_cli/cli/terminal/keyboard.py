"""The keyboard while bars move: what is typed does not show among them. On Windows it never does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Protocol

from .interrupts import uninterrupted

if sys.platform != "win32":  # there keys are echoed by who reads them
    import termios


class Moving(Protocol):
    """What moves on the screen: rich's `Live`."""

    transient: bool

    def start(self, refresh: bool = False) -> None:
        """Draws it, until `stop`."""

    def stop(self) -> None:
        """Leaves it as it is; nothing of it where it is `transient`."""


@contextmanager
def moving(live: Moving) -> Iterator[None]:
    """Draws `live` inside the `with`, with the echo of the terminal off.

    An exception, Ctrl-C too, takes it off the screen. Ctrl-Z gives the shell its cursor and echo, and after that it is
    drawn anew.
    """
    with _echo_off(live.stop, live.start):
        live.start()
        try:
            yield
        except BaseException:
            live.transient = True
            raise
        finally:
            with uninterrupted():
                live.stop()


def forget_keys() -> None:
    """Throws away what was typed and not read yet: it was not meant for the question that comes now."""
    terminal = _terminal()
    if terminal is not None:
        with suppress(termios.error):
            termios.tcflush(terminal, termios.TCIFLUSH)


@contextmanager
def _echo_off(pause: Callable[[], Any], resume: Callable[[], Any]) -> Iterator[None]:
    terminal = _terminal()
    if terminal is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:
        yield
        return

    def suspend(number: int, frame: FrameType | None) -> None:
        pause()
        _set(terminal, before)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # comes back when the shell says so
        signal.signal(signal.SIGTSTP, suspend)
        _set(terminal, _without_echo(before))
        resume()

    with uninterrupted():
        was = signal.getsignal(signal.SIGTSTP)
        if was == signal.SIG_DFL:  # not where a shell without job control has it ignored
            signal.signal(signal.SIGTSTP, suspend)
        _set(terminal, _without_echo(before))
    try:
        yield
    finally:
        with uninterrupted():
            _set(terminal, before)
            signal.signal(signal.SIGTSTP, was)


def _terminal() -> int | None:
    """The file descriptor of the terminal that bars are drawn on; None where it has no settings to change."""
    if sys.platform == "win32":
        return None
    try:
        number = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return number if os.isatty(number) else None


def _without_echo(attributes: list[Any]) -> list[Any]:
    return [*attributes[:3], attributes[3] & ~termios.ECHO, *attributes[4:]]


def _set(terminal: int, attributes: list[Any]) -> None:
    """Sets the terminal; not from the background, where this would stop the process."""
    with suppress(OSError, termios.error):
        if os.tcgetpgrp(terminal) == os.getpgrp():
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
