"""What a person should know of a run, each line once; the JSON documents carry the same lines."""

from __future__ import annotations

from collections.abc import Iterable

from .console import Console


class Notices:
    """The notices of one command line, in order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.texts: list[str] = []

    def add(self, texts: str | Iterable[str]) -> None:
        """Shows and keeps what was not shown before."""
        for text in [texts] if isinstance(texts, str) else texts:
            if text not in self.texts:
                self.texts.append(text)
                self._console.say(text, "yellow")

    def add_again(self, text: str) -> None:
        """Shows a text even if it was shown before; "" is none."""
        if text in self.texts:
            self._console.say(text, "yellow")
        elif text:
            self.add(text)
