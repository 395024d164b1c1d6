"""Holding Ctrl-C and SIGTERM back for a moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds SIGINT and SIGTERM back while a file is put in place and noted, so that a written file is always named.

    Signals come to the main thread: what another does is not interrupted by them anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    before = [signal.signal(number, hold) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])
