from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import Outcome, environment

from diffstyler_cli import __version__
from diffstyler_cli.cli.options import sentence, values
from diffstyler_cli.cli.terminal.errors import EXIT_CODES
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


def test_stylize_help_shows_every_setting_with_default_range_and_symbol(process: Callable[..., Outcome]) -> None:
    shown = process("stylize", "--help", COLUMNS="200").out.decode()
    for name, option in options().items():
        assert option.flag in shown
        assert option.panel in shown
        assert values(name) in shown
        if option.symbol:
            assert f"[{option.symbol}]" in shown
        if isinstance(default_of(name), float):
            assert f"(default {default_of(name):g}" in shown
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}"[:40] in " ".join(shown.split())


def test_help_of_a_default_that_differs_between_model_sets_shows_both(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from diffstyler_cli.cli import options as module

    changed = options() | {"lam": dataclasses.replace(options()["lam"], full=0.6)}
    monkeypatch.setattr(module, "options", lambda: changed)
    assert sentence("lam").endswith("(default 0.9; 0.6 with the full-size models) [λ]")


@pytest.mark.parametrize(("columns", "encoding"), [("40", "utf-8"), ("100", "ascii"), ("40", "latin-1")])
def test_help_in_any_width_and_encoding(process: Callable[..., Outcome], columns: str, encoding: str) -> None:
    outcome = process("stylize", "-h", COLUMNS=columns, PYTHONIOENCODING=encoding)
    assert outcome.code == 0
    assert outcome.err == ""
    assert max(map(len, outcome.out.decode(encoding).splitlines())) <= int(columns) + 6
    if encoding == "ascii":
        assert b"[lambda]" in outcome.out


def test_version(cli: Callable[..., Outcome]) -> None:
    assert cli("--version") == Outcome(0, f"diffstyler {__version__}\n".encode(), "")


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
