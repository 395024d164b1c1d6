"""What the tests of the command line drive it with: processes, pseudo-terminals, and what came out."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pyte

FAKE_APP = Path(__file__).with_name("fake_app.py")
SOURCE = Path(__file__).parents[2] / "src"
QUICK = ("--steps", "2")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: bytes
    err: str


def environment(**changes: str) -> dict[str, str]:
    """A plain environment in which the source tree is importable and nothing of this machine's settings is left."""
    own = ("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")  # XDG: tests/conftest.py's
    kept = {name: os.environ[name] for name in own if name in os.environ}
    base = {"PYTHONPATH": str(SOURCE), "LANG": "C.UTF-8", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"}
    return kept | base | changes


class Terminal:
    """The command line in a pseudo-terminal, and the screen as a person sees it; `program` is Python's arguments."""

    def __init__(
        self, *arguments: object, columns: int = 100, rows: int = 40, program: tuple[str, ...] = (str(FAKE_APP),),
        **changes: str,
    ) -> None:  # fmt: skip
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = pexpect.spawn(
            sys.executable,
            [*program, *map(str, arguments)],
            env=environment(**changes),
            dimensions=(rows, columns),
            timeout=20,
        )

    def see(self, text: str, seconds: float = 20, *, after: str = "") -> str:
        """Waits until the screen shows `text`, below the last `after`; either may be broken at the right edge.

        Returns the whole screen.
        """
        end = time.monotonic() + seconds

        def there() -> bool:
            ways = (self.text(), "".join(self.screen.display))
            below = (way.rpartition(after)[2] if after else way for way in ways if after in way)
            return any(text in part for part in below)

        while not there():
            assert self._read(), self.text()
            assert time.monotonic() < end, self.text()
        return self.text()

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, keys: str) -> None:
        self.child.send(keys)

    def end(self) -> int:
        """Waits for the end; returns the exit code."""
        while self._read():
            pass
        self.child.close()
        assert self.child.exitstatus is not None, f"killed by signal {self.child.signalstatus}"
        return int(self.child.exitstatus)

    def _read(self) -> bool:
        try:
            data = self.child.read_nonblocking(65536, timeout=20)
        except pexpect.EOF:
            return False
        except pexpect.TIMEOUT:
            raise AssertionError(self.text()) from None
        # the question library asks where the cursor is; a terminal answers
        if b"\x1b[6n" in data:
            self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        self.raw += data
        self._stream.feed(data)
        return True
