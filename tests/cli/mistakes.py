"""What people type, and what happens: mistakes.txt says it, test_mistakes.py runs every line of it, and
`python tests/cli/mistakes.py [--check]` makes docs/mistakes.md of it.

mistakes.txt is a transcript: "## " begins a group, "$ " a command line, "> " a line of standard output, "[2]" is the
exit code; all else is standard error, exactly, up to where models are loaded.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

TRANSCRIPT = Path(__file__).with_name("mistakes.txt")
TABLE = Path(__file__).parents[2] / "docs" / "mistakes.md"

HEAD = """\
# What people type, and what happens

<!-- Made by `python tests/cli/mistakes.py` of tests/cli/mistakes.txt; change that, not this file. -->

Every line was typed in a folder that holds `photo.jpg` and `b.jpg`, with nobody to ask. At a terminal what is missing
is asked for, and so is whether a slip was one ("Did you mean oil painting?"). The lines are those before models are
loaded: words that they do not know are named after that. Behind the arrow stands the file that is written.
"""
LOADED = ("Using the built-in lite models.", "lite models on", "full models on")
"""How the lines begin that say that all is understood."""


@dataclass
class Row:
    """A command line, what it answers on standard error and standard output, and its exit code."""

    group: str
    typed: str
    said: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    code: int = -1


def rows() -> list[Row]:
    """The transcript."""
    found: list[Row] = []
    group = ""
    for line in TRANSCRIPT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            group = line.removeprefix("## ")
        elif line.startswith("$ "):
            found.append(Row(group, line.removeprefix("$ ")))
        elif line.startswith("> "):
            found[-1].printed.append(line.removeprefix("> "))
        elif line.startswith("["):
            found[-1].code = int(line.strip("[]"))
        elif line:
            found[-1].said.append(line)
    return found


def before_models(err: str) -> list[str]:
    """The lines of standard error that come before models are loaded."""
    lines = err.splitlines()
    end = next((index for index, line in enumerate(lines) if line.startswith(LOADED)), len(lines))
    return lines[:end]


def table() -> str:
    """docs/mistakes.md."""
    parts, group = [HEAD], ""
    for row in rows():
        if row.group != group:
            group = row.group
            parts.append(f"## {group}\n\n| typed | exit code | what one sees |\n|---|---|---|")
        seen = "<br>".join([*row.said, *(f"→ `{line}`" for line in row.printed)])
        parts.append(f"| `{_cell(row.typed)}` | {row.code} | {_cell(seen)} |")
    text = "\n".join(parts)
    return text.replace("|\n## ", "|\n\n## ") + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def main(arguments: list[str]) -> int:
    """Writes the table, or with --check says whether it is current."""
    if arguments == ["--check"]:
        return int(TABLE.read_text(encoding="utf-8") != table())
    TABLE.write_text(table(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
