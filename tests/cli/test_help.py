from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_harness import Outcome, environment

from diffstyler_cli import __version__
from diffstyler_cli.cli.app import COMMANDS, PAGE, build
from diffstyler_cli.cli.options import sentence, values
from diffstyler_cli.cli.terminal.errors import EXIT_CODES
from diffstyler_cli.cli.terminal.hints import HINTS, hint
from diffstyler_cli.config import default_of, options


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["stylize", "--help"], ["stylize", "--lamda", "1"]])
def test_help_and_usage_errors_import_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom diffstyler_cli.cli.app import run\n"
        f"run({arguments!r})\n"
        "heavy = {'torch', 'PIL', 'numpy', 'open_clip', 'questionary', 'huggingface_hub'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


PAGES = [[], *([name] for name in COMMANDS)]
WIDTHS = (40, 60, 80, 100, 200)


def parameters(arguments: list[str]) -> list[Any]:
    """Of a command, those that help shows."""
    group: Any = typer.main.get_command(build())
    command = group.commands[arguments[0]] if arguments else group
    return [p for p in command.params if not getattr(p, "hidden", False)]


def test_help_all_of_stylize_shows_every_setting_with_default_range_and_symbol(cli: Callable[..., Outcome]) -> None:
    shown = " ".join(cli("stylize", "--help-all").out.decode().split())
    for name, option in options().items():
        assert option.flag in shown
        assert option.panel in shown
        assert values(name) in shown
        if option.symbol:
            assert f"[{option.symbol}]" in shown
        if isinstance(default_of(name), float):
            assert f"(default {default_of(name):g}" in shown
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in shown


@pytest.mark.parametrize("arguments", PAGES, ids=str)
def test_every_option_is_in_help_all_and_the_everyday_ones_are_in_help(
    cli: Callable[..., Outcome], arguments: list[str]
) -> None:
    everything, everyday = (cli(*arguments, flag).out.decode() for flag in ("--help-all", "--help"))
    flags = [flag for parameter in parameters(arguments) for flag in parameter.opts if flag.startswith("-")]
    assert [flag for flag in flags if not re.search(rf"^  .*{flag}\b", everything, re.M)] == []
    page = PAGE if not arguments else importlib.import_module(f"diffstyler_cli.cli.{arguments[0]}.command").PAGE
    for flag in page.everyday:
        assert re.search(rf"^  .*{flag}\b", everyday, re.M), flag
    assert all(example.partition("  # ")[0] in everyday for example in page.examples)
    assert "<" not in re.sub(" < photo", "", everything), "no <bool>"


@pytest.mark.parametrize("arguments", PAGES, ids=str)
def test_help_is_one_screen(monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome], arguments: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert len(cli(*arguments, "--help").out.splitlines()) <= 40


@pytest.mark.parametrize("flag", ["--help", "--help-all"])
@pytest.mark.parametrize("arguments", PAGES, ids=str)
def test_help_has_the_same_words_at_any_width_and_keeps_to_it(
    monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Outcome], arguments: list[str], flag: str
) -> None:
    pages = {}
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        page = cli(*arguments, flag).out.decode()
        assert max(map(len, page.splitlines())) <= width
        pages[width] = sorted(word for word in page.split() if word not in ("\\", "#"))
    assert all(words == pages[80] for words in pages.values()), "no word is cut"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_as_a_command_is_that_of_the_command(cli: Callable[..., Outcome], name: str) -> None:
    assert cli("help", name) == cli(name, "--help") == cli(name, "-h")
    assert cli("help") == cli("--help")


def test_help_of_no_command_names_the_nearest(cli: Callable[..., Outcome]) -> None:
    outcome = cli("help", "stylise")
    assert outcome.code == 2
    assert outcome.err.splitlines()[1] == "Did you mean: diffstyler help stylize"


def test_the_tables_of_hints_name_options_that_are_there() -> None:
    for flag in HINTS:
        assert any(hint(flag, {f for p in parameters([name]) for f in p.opts}, name) for name in COMMANDS), flag


def test_help_of_a_default_that_differs_between_model_sets_shows_both(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from diffstyler_cli.cli import options as module

    changed = options() | {"lam": dataclasses.replace(options()["lam"], full=0.6)}
    monkeypatch.setattr(module, "options", lambda: changed)
    assert sentence("lam").endswith("(default 0.9; 0.6 with the full-size models) [λ]")


@pytest.mark.parametrize(("columns", "encoding"), [("40", "utf-8"), ("100", "ascii"), ("40", "latin-1")])
def test_help_in_any_width_and_encoding(process: Callable[..., Outcome], columns: str, encoding: str) -> None:
    outcome = process("stylize", "--help-all", COLUMNS=columns, PYTHONIOENCODING=encoding)
    assert outcome.code == 0
    assert outcome.err == ""
    assert max(map(len, outcome.out.decode(encoding).splitlines())) <= int(columns) + 6
    if encoding == "ascii":
        assert b"[lambda]" in outcome.out


def test_version(cli: Callable[..., Outcome]) -> None:
    assert cli("--version") == cli("-V") == Outcome(0, f"diffstyler {__version__}\n".encode(), "")


def test_shell_completion_is_offered_for_commands_and_choices(process: Callable[..., Outcome]) -> None:
    words = (
        process(_DIFFSTYLER_COMPLETE="complete_bash", COMP_WORDS="diffstyler st", COMP_CWORD="1").out.decode().split()
    )
    assert words == ["stylize"]
    line = "diffstyler stylize --solver p"
    words = process(_DIFFSTYLER_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD="3").out.decode().split()
    assert words == ["plms", "plms2", "prk", "pie"]


def test_the_reference_in_docs_is_current() -> None:
    from diffstyler_cli.cli.reference import metadata, reference

    docs = Path(__file__).parents[2] / "docs"
    assert (docs / "cli.md").read_text(encoding="utf-8") == reference(), "Run python -m diffstyler_cli.cli.reference"
    text = (docs / "metadata.md").read_text(encoding="utf-8")
    assert text == metadata(text), "Run python -m diffstyler_cli.cli.reference"
