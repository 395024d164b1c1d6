"""Writes docs/terminal.md: what real commands show at a terminal of 88 columns, with the built-in models.

`python tests/docs/transcripts.py`, about two minutes. Times and losses differ from machine to machine, so that nothing
compares the file with a new run; tests/docs/test_transcripts.py finds out whether it is of this command line.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cli_harness import Terminal, environment

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "terminal.md"
PHOTO = ROOT / "docs" / "pictures" / "macaws.jpg"
COLUMNS, ROWS = 88, 44
PROGRAM = ("-m", "diffstyler_cli")
ENTER, ESC, CTRL_C = "\r", "\x1b", "\x03"
SECONDS = 300

INTRODUCTION = """\
# At a terminal

Transcripts of real commands in a window of 88 columns, with the built-in models on two CPU cores. Colours are not
shown, nor the picture as it forms, which a terminal of 256 colours has below the bars. They are made by
`python tests/docs/transcripts.py`.
"""


def started(command: str) -> Terminal:
    """A `diffstyler` command line in a window."""
    # 16 colours are too few for the picture, which would be rows of the same sign here
    changes = {"TERM": "xterm-16color", "PROMPT_TOOLKIT_NO_CPR": "1", "PS1": "$ "}
    return Terminal(*shlex.split(command)[1:], columns=COLUMNS, rows=ROWS, program=PROGRAM, **changes)


def screen(window: Terminal, command: str, start: str = "") -> str:
    """What is on the screen, from the last line that begins with `start` on; the command above it."""
    lines = window.text().rstrip().splitlines()
    if start:
        lines = lines[max(n for n, line in enumerate(lines) if line.startswith(start)) :]
    return "\n".join([f"$ {command}"] * (not start) + lines)


def questions() -> Iterator[tuple[str, str]]:
    """`stylize` alone, from the first question to the menu at its end."""
    command = "diffstyler stylize"
    window = started(command)
    window.see("Which photo?")
    window.press("photo.jpg" + ENTER)
    window.see("type to filter")
    yield "`stylize` alone asks: the photo, then the style", screen(window, command)
    window.press("hok")
    window.see("Esc clears")
    yield "Typing filters, by other names and artists, too", screen(window, command, "? Which style?")
    window.press(ENTER)
    window.see("0  done", SECONDS)
    yield "The picture, and what next", screen(window, command)
    window.press("7")
    window.see("Start?")
    yield "A sweep asks before it starts", screen(window, command, "? What next?")
    window.press(CTRL_C)
    window.end()


def display() -> Iterator[tuple[str, str]]:
    """The bars and losses of a run."""
    command = 'diffstyler stylize photo.jpg "oil painting" --seed 7'
    window = started(command)
    window.see("Same again", SECONDS)
    window.end()
    yield "A command that has all it needs: the bars and the losses, as they are at the end", screen(window, command)
    window = started(command)
    window.see("Sampling", SECONDS)
    window.press(CTRL_C)
    window.end()
    yield "Ctrl-C in the middle", screen(window, command)


def sweeping() -> Iterator[tuple[str, str]]:
    """A sweep and its menu."""
    command = "diffstyler sweep photo.jpg mosaic --lambda 0,0.5,1 --size 128 --seed 7"
    window = started(command)
    window.see("0  done", SECONDS)
    yield "A sweep, and what next", screen(window, command)
    window.press("2")
    window.see("0  back")
    yield "A cell is chosen by its number, or by typing a part of its row", screen(window, command, "? Which cell?")
    window.press(CTRL_C)
    window.end()


def errors() -> Iterator[tuple[str, str]]:
    """Two lines and an exit code."""
    lines = []
    for command in (
        'diffstyler stylize phto.jpg "oil painting"',
        'diffstyler stylize photo.jpg "oil painting" --lamda 0.5',
    ):
        window = started(command)
        code = window.end()
        lines.append(f"{screen(window, command)}\n$ echo $?\n{code}")
    yield "Errors: what and why, what next, an exit code", "\n".join(lines)


def pipes() -> Iterator[tuple[str, str]]:
    """Standard output that is no terminal."""
    first = 'diffstyler stylize - "pencil sketch" -o - --seed 7 < photo.jpg > sketch.png'
    second = 'diffstyler stylize photo.jpg "pencil sketch" --seed 7 -q'
    third = "diffstyler stylize photo.jpg < /dev/null"
    program = shlex.join([sys.executable, *PROGRAM])
    lines = []
    for command in (first, second, third):
        done = subprocess.run(
            ["sh", "-c", command.replace("diffstyler", program, 1)], env=environment(), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        lines += [f"$ {command}", done.stdout.rstrip()]
    yield "In a pipe: plain lines, or none, and nothing is asked", "\n".join(lines)


SCENES = (questions, display, sweeping, errors, pipes)


def main() -> None:
    parts = [INTRODUCTION]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PHOTO, Path(folder) / "photo.jpg")
        os.chdir(folder)
        for scene in SCENES:
            for title, text in scene():
                parts.append(f"## {title}\n\n```text\n{text}\n```\n")
        os.chdir(ROOT)
    DOCUMENT.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
