"""The only module that prints. Results go to stdout (paths, one JSON document, a picture's bytes), all else to stderr.

Text from outside (prompts, paths, messages that quote them) is always shown escaped, never interpreted as markup or as
terminal control sequences.
"""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .errors import INTERRUPTED, Failure
from .shell import joined, unsafe

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType

    from ...remote import Place
    from .keyboard import Moving

LOG = logging.getLogger("diffstyler_cli")
"""Everything that is shown goes there too; --log-file writes it down."""
LOG.addHandler(logging.NullHandler())  # else logging would print errors by itself

_ASCII = {
    "λ": "lambda", "ρ": "rho", "γ": "gamma", "×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->",
    "«": '"', "»": '"', "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*", "·": "-", "²": "^2",
}  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: what a stream cannot encode becomes a plain spelling (λ -> lambda) or a backslash escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_ASCII.get(c) or c.encode("ascii", "backslashreplace").decode() for c in bad), error.end


def prepare_streams() -> None:
    """Makes stdout and stderr take any text, whatever their encoding, and write all of it or fail.

    No message can end in a UnicodeEncodeError. With PYTHONUNBUFFERED Python leaves the raw file below the text, whose
    `write` may take a part of the bytes and say so only in what it returns; a buffered one writes on, or raises.
    """
    codecs.register_error("diffstyler-plain", _plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        raw = getattr(stream, "buffer", None)
        if isinstance(raw, io.FileIO):
            whole = io.TextIOWrapper(
                io.BufferedWriter(io.FileIO(raw.fileno(), "wb", closefd=False)),
                stream.encoding,
                stream.errors,
                line_buffering=True,
            )
            setattr(sys, name, whole)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="diffstyler-plain")


def escaped(text: object) -> str:
    r"""`text` on one line; control characters, lone surrogates and direction overrides are escaped (ESC -> \x1b)."""
    return "".join(
        c.encode("unicode_escape", "backslashreplace").decode("ascii") if unsafe(c) else c for c in str(text)
    )


def is_terminal(stream: Any) -> bool:
    """Whether a stream is there, open, and a terminal."""
    return stream is not None and not stream.closed and bool(stream.isatty())


class Console:
    """The sink of one run of a command.

    Args:
        quiet: nothing but results and errors.
        json: results as one JSON document, so that paths are not printed.
        strict: what would be a notice is an error.
    """

    def __init__(self, *, quiet: bool = False, json: bool = False, strict: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        self.keys_wait = False
        """Whether keys may wait that were typed while something moved."""
        self.strict = strict
        self.lines = False
        """Whether standard output has several JSON documents, each on a line of its own."""
        self._capable = os.environ.get("TERM", "") not in ("dumb", "unknown")

    # --- what the terminal can do ------------------------------------------------------------------------------------
    @cached_property
    def rich(self) -> RichConsole:
        """The rich console on stderr."""
        return _rich(stderr=True)

    @cached_property
    def paper(self) -> RichConsole:
        """The rich console on stdout, for reports."""
        return _rich(stderr=False)

    @property
    def paper_unicode(self) -> bool:
        """Whether stdout can show characters beyond ASCII."""
        return self.paper.encoding.lower().startswith("utf")

    @property
    def live(self) -> bool:
        """Whether stderr can show things that move: a terminal that is not dumb, and not told to be quiet."""
        return not self.quiet and self._capable and is_terminal(sys.stderr)

    @property
    def unicode(self) -> bool:
        """Whether stderr can show characters beyond ASCII, such as block elements."""
        return self.encoding.lower().replace("-", "").startswith("utf")

    @property
    def encoding(self) -> str:
        """Of stderr."""
        return getattr(sys.stderr, "encoding", None) or "ascii"

    @property
    def colors(self) -> int:
        """How many colours stderr shows: 0, 16, 256 or 2**24."""
        counts = {None: 0, "standard": 16, "windows": 16, "256": 256, "truecolor": 2**24}
        return 0 if self.rich.no_color else counts[self.rich.color_system]

    def why_not_ask(self) -> str:
        """Why no question can be asked here; "" where it can."""
        if not is_terminal(sys.stdin):
            return "standard input is not a terminal"
        if not is_terminal(sys.stderr):
            return "standard error is not a terminal"
        if not self._capable:
            return f"TERM is {os.environ['TERM']}"
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            return "CI is set"
        return ""

    def shown(self, text: str) -> str:
        """`text` as stderr can show it: "lambda" for "λ" where it is ASCII. What is printed here needs it not."""
        return text if self.unicode else text.encode("ascii", "diffstyler-plain").decode("ascii")

    # --- for a person: stderr ----------------------------------------------------------------------------------------
    def say(self, text: str, style: str = "", *, verbatim: bool = False) -> None:
        """One line for a person; none with --quiet. A `verbatim` one is not wrapped at words."""
        LOG.info("%s", escaped(text))
        if not self.quiet:
            self._line((text, style), verbatim=verbatim)

    def say_command(self, words: Iterable[str], label: str = "$ ") -> None:
        """A command line, for a person to copy from here into a shell; none with --quiet."""
        words = list(words)
        LOG.info("%s%s", label, joined(words))
        if not self.quiet:
            self._line((label + joined(words, self.encoding), "dim"), verbatim=True)

    def render(self, renderable: RenderableType) -> None:
        """A rich renderable (a help page, a picture), on stderr; none with --quiet."""
        if not self.quiet:
            self.rich.print(renderable)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Shows on a live terminal that something without steps is being done; elsewhere nothing."""
        if not self.live:
            yield
            return
        from rich.live import Live
        from rich.spinner import Spinner

        spinner = Spinner("dots" if self.unicode else "line", f"{what}...", style="green")
        with self.moving(Live(spinner, console=self.rich, refresh_per_second=12.5, transient=True)):
            yield

    @contextmanager
    def moving(self, live: Moving) -> Iterator[None]:
        """Shows something that moves; keys that are typed meanwhile neither show nor answer the next question."""
        from .keyboard import moving

        self.keys_wait = True
        with moving(live):
            yield

    def forget_keys(self) -> None:
        """Called before a question: drops what was typed while something moved."""
        from .keyboard import forget_keys

        if self.keys_wait:
            forget_keys()
        self.keys_wait = False

    def fail(self, failure: Failure) -> None:
        """The two lines of an error; always shown. An interruption was wanted, so it is not called an error."""
        LOG.error("exit code %d: %s %s", failure.code, escaped(failure.message), escaped(failure.advice))
        label = "" if failure.code in INTERRUPTED else "error: "
        self._line((label, "bold red"), (failure.message, ""))
        if failure.advice:
            self._line((failure.advice, ""))

    def traceback(self, text: str) -> None:
        """A traceback, for --debug."""
        for line in text.splitlines():
            self._line((line, ""), verbatim=True)

    def _line(self, *parts: tuple[str, str], verbatim: bool = False) -> None:
        from rich.text import Text

        line = Text.assemble(*((escaped(text), style) for text, style in parts))
        self.rich.print(line, soft_wrap=verbatim or not self.rich.is_terminal)

    # --- results: stdout ---------------------------------------------------------------------------------------------
    def written(self, path: Place, *, planned: bool = False) -> None:
        """The path of a result: its exact bytes in a pipe, escaped on a terminal; nothing with --json.

        `planned` is said of one that a dry run would write.
        """
        LOG.info("%s: %s", "planned" if planned else "written", escaped(path))
        if not self.json:
            self._result(escaped(path).encode(*_encoding()) if is_terminal(sys.stdout) else os.fsencode(str(path)))

    def document(self, document: dict[str, Any]) -> None:
        """The one JSON document. ASCII only, so that no locale can spoil it; NaN and infinity must not be in it."""
        self._result(json.dumps(document, indent=None if self.lines else 2, allow_nan=False).encode("ascii"))

    def report(self, renderable: RenderableType) -> None:
        """A report that was asked for (tables); none with --quiet or --json. Plain text is not wrapped at words."""
        if not self.quiet and not self.json:
            self.paper.print(renderable, soft_wrap=isinstance(renderable, str))

    def command(self, words: Iterable[str]) -> None:
        """A command line that is a result in itself."""
        self.text(self.paper_command(words))

    def paper_command(self, words: Iterable[str]) -> str:
        """A command line, as it can be copied from stdout into a shell."""
        return joined(words, _encoding()[0])

    def text(self, text: str) -> None:
        """A line of text that is a result in itself, such as the version."""
        self._result(text.encode(*_encoding()))

    def picture(self, data: bytes) -> None:
        """A picture's bytes. Never called with a terminal on stdout: the request was refused before."""
        self._bytes(data)

    def _result(self, line: bytes) -> None:
        self._bytes(line + b"\n")

    def _bytes(self, data: bytes) -> None:
        if sys.stdout is not None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def _rich(*, stderr: bool) -> RichConsole:
    from rich.console import Console as RichConsole

    class Plain(RichConsole):
        def on_broken_pipe(self) -> None:
            raise  # rich would exit with 1; a closed pipe has its own code

    return Plain(stderr=stderr, highlight=False, markup=False, emoji=False)


def _encoding() -> tuple[str, str]:
    return sys.stdout.encoding if sys.stdout else "utf-8", "diffstyler-plain"
