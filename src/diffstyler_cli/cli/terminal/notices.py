"""What a person should know of a run, each line once; the JSON documents carry the same lines. With --strict they are
errors, raised before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import InputImageError, UsageError
from .console import Console

STRICT = "--strict makes this notice an error: mend it, or leave --strict out."


class Notices:
    """The notices of one command line, in order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.texts: list[str] = []

    def add(
        self, texts: str | Iterable[str], error: type[UsageError | InputImageError] = UsageError, *, late: bool = False
    ) -> None:
        """Shows and keeps what was not shown before.

        Args:
            error: what --strict makes of it: an `InputImageError` for how a picture was read.
            late: too late to be an error: pictures are written already.
        """
        for text in [texts] if isinstance(texts, str) else texts:
            if text in self.texts:
                continue
            if self._console.strict and not late:
                raise error(text, STRICT)
            self.texts.append(text)
            self._console.say(text, "yellow")

    def add_again(self, text: str) -> None:
        """Shows a text even if it was shown before; "" is none. It comes after the work, so --strict lets it be."""
        if text in self.texts:
            self._console.say(text, "yellow")
        elif text:
            self.add(text, late=True)
