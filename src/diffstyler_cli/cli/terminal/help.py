"""What --help shows, examples and everyday options on one screen, and --help-all, which has everything.

It is made of the same parameters that are parsed. Plain text: no word is cut, whatever the width.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from .console import Console, is_terminal
from .errors import EXIT_CODES

WIDEST = 100
NARROW = 72
"""Columns below which an option's sentence goes below the option."""
LEFT = 28
"""Columns of the options themselves."""


@dataclass(frozen=True)
class Page:
    """What a command's help shows beside its parameters.

    Args:
        examples: command lines, the simplest first.
        everyday: flags that --help shows, in order; --help-all shows all.
    """

    examples: tuple[str, ...] = ()
    everyday: tuple[str, ...] = ()


def help_options(page: Page) -> list[tuple[str, Any]]:
    """The parameters --help and --help-all, by name, with their annotations."""
    return [
        ("show_help", _option(page, False, "Show this page and leave.", "-h", "--help")),
        ("show_all", _option(page, True, "Show every option, and leave.", "--help-all")),
    ]


def _option(page: Page, everything: bool, help: str, *names: str) -> Any:
    def show(context: typer.Context, value: bool) -> None:
        if value and not context.resilient_parsing:
            Console().text(text(context, page, everything=everything))
            raise typer.Exit()

    made = typer.Option(*names, help=help, metavar="", show_default=False, is_eager=True, callback=show)
    return Annotated[bool, made]


def text(context: typer.Context, page: Page, *, everything: bool) -> str:
    """The help page of the command that `context` is of."""
    command: Any = context.command
    width = min(shutil.get_terminal_size().columns, WIDEST)
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    parts = [_filled(f"Usage: {context.command_path} {_usage(command)}", width, "       ")]
    parts += [_filled(part, width) for part in (paragraphs if everything else paragraphs[:1])]
    if page.examples:
        parts.append("\n".join([_heading("Examples"), *(_example(line, width) for line in page.examples)]))
    arguments = [(p.metavar or p.name, p.help) for p in command.params if p.param_type_name == "argument"]
    commands = [(name, sub.short_help) for name, sub in getattr(command, "commands", {}).items() if not sub.hidden]
    parts += [_table(title, rows, width) for title, rows in (("Arguments", arguments), ("Commands", commands)) if rows]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    if everything or not page.everyday:
        panels: dict[str, list[Any]] = {}
        for option in options:
            panels.setdefault(option.rich_help_panel or "Options", []).append(option)
        parts += [_table(title, _rows(panel), width) for title, panel in panels.items()]
        codes = "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
        parts.append(_filled(f"Exit codes: {codes}.", width))
    else:
        by_flag = {flag: option for option in options for flag in option.opts}
        parts.append(_table("Everyday options", _rows((by_flag[flag] for flag in page.everyday), _brief), width))
        parts.append(
            _filled(f"All {len(options)} options and the exit codes: {context.command_path} --help-all", width)
        )
    return "\n\n".join(parts)


def _usage(command: Any) -> str:
    arguments = [f"[{p.metavar}]" + ("..." if p.nargs == -1 else "") for p in command.params if _is_argument(p)]
    return " ".join([*arguments, "[OPTIONS]", *(["COMMAND ..."] if hasattr(command, "commands") else [])])


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _rows(options: Iterable[Any], sentence: Callable[[str], str] = str) -> list[tuple[str, str]]:
    short_first: Callable[[str], int] = len
    return [(_flags(sorted(o.opts, key=short_first), o.metavar), sentence(o.help or "")) for o in options]


def _brief(help: str) -> str:
    """A sentence without what follows a semicolon, with the lite models' default."""
    sentence, mark, default = help.partition(" (default ")
    sentence = sentence.partition("; ")[0]
    sentence += "" if sentence.endswith(".") else "."
    return sentence + (f"{mark}{default.partition(')')[0].partition(';')[0]})" if mark else "")


def _example(line: str, width: int) -> str:
    """An example, on several lines that a shell reads as one where it is too long; its comment first, then."""
    line, mark, comment = line.partition("  # ")
    if len(line + mark + comment) + 2 <= width:
        return f"  {line}{mark}{comment}"
    above = [_filled(comment, width - 2, "  # ", "  # ")] if comment else []
    wrapped = textwrap.wrap(line, width - 6, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*above, "  " + " \\\n    ".join(wrapped)])


def _flags(names: Sequence[str], value: str | None) -> str:
    return ", ".join(names) + (f" {value}" if value else "")


def _table(title: str, rows: Sequence[tuple[str, str]], width: int) -> str:
    lines = [_heading(title)]
    left = min(LEFT, max(len(name) for name, _ in rows))
    for name, sentence in rows:
        sentence = (sentence or "").replace("\\[", "[")
        beside = width >= NARROW and len(name) <= left
        indent = " " * (left + 4) if width >= NARROW else " " * 6
        first = f"  {name:{left}}  " if beside else indent
        body = _filled(sentence, width, indent, first) if sentence else f"  {name}"
        lines.append(body if beside or not sentence else f"  {name}\n{body}")
    return "\n".join(lines)


def _filled(text: str, width: int, indent: str = "", first: str = "") -> str:
    return textwrap.fill(
        text, max(width, 20), initial_indent=first, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _heading(text: str) -> str:
    plain = not is_terminal(sys.stdout) or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return f"{text}:" if plain else f"\x1b[1m{text}:\x1b[0m"
