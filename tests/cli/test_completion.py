"""Completion as the shells do it: a line is typed into bash, zsh and fish, and what Tab makes of it is run."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from cli_harness import FAKE_APP, Outcome, environment

from diffstyler_cli.models.lite.styles import STYLES

SHELLS = {
    "bash": (["--norc", "-i"], 'PS1="$ "; bind "set enable-bracketed-paste off"'),
    "zsh": (["-f", "-i"], 'autoload -U compinit; compinit -u -D; PS1="$ "'),
    "fish": (["--no-config", "-i"], "function fish_prompt; end"),
}
LINES = {
    "diffstyler styl": ["stylize"],
    "diffstyler stylize phot": ["stylize", "photo.png"],
    "diffstyler stylize photo.png post-impressionist\\ p": ["stylize", "photo.png", "post-impressionist painting"],
    'diffstyler stylize photo.png "oil p': ["stylize", "photo.png", "oil painting"],
    "diffstyler stylize photo.png 'van g": ["stylize", "photo.png", "van gogh"],
    "diffstyler sweep photo.png -p stained\\ glass\\ w": ["sweep", "photo.png", "-p", "stained glass window"],
}


@pytest.fixture
def diffstyler(photo: Path) -> dict[str, str]:
    """The environment of a shell in which `diffstyler` answers to completion, and else prints its arguments."""
    folder = photo.parent / "bin"
    folder.mkdir()
    command = folder / "diffstyler"
    command.write_text(
        f'#!/bin/bash\n[ "$_DIFFSTYLER_COMPLETE" ] && exec "{sys.executable}" "{FAKE_APP}" "$@"\n'
        "printf 'got'; printf '<%s>' \"$@\"; printf ' end\\n'\n"
    )
    command.chmod(0o755)
    home = photo.parent / "home"
    home.mkdir()
    base = environment(HOME=str(home))
    return base | {"PATH": f"{folder}:{base['PATH']}"}


@pytest.fixture
def shell(
    diffstyler: dict[str, str], process: Callable[..., Outcome], photo: Path
) -> Iterator[Callable[..., pexpect.spawn]]:
    """Starts a shell with the completion script that is shown for it."""
    opened: list[pexpect.spawn] = []

    def start(name: str) -> pexpect.spawn:
        if shutil.which(name) is None:
            pytest.skip(f"no {name} here")
        arguments, first = SHELLS[name]
        script = photo.parent / f"script.{name}"
        script.write_bytes(process("--show-completion", name).out)
        child = pexpect.spawn(
            name, arguments, env=diffstyler, cwd=str(photo.parent), timeout=20, dimensions=(50, 150), encoding="utf-8"
        )
        opened.append(child)
        child.sendline(first)
        child.sendline(f"source {script}; echo rea''dy")
        child.expect("ready")
        return child

    yield start
    for child in opened:
        child.close(force=True)


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.slow
def test_a_name_with_spaces_is_completed_to_one_word(shell: Callable[..., pexpect.spawn], name: str) -> None:
    child = shell(name)
    for typed, words in LINES.items():
        child.send(typed)
        child.expect_exact(typed.split()[-1][-4:])
        child.send("\t")
        child.expect_exact(words[-1].split(" ")[-1].lstrip("-")[-3:])
        child.send("\r")
        child.expect(r"got(<[^\r\n]*>) end")
        assert child.match is not None
        assert child.match[1] == "".join(f"<{word}>" for word in words)


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_goes_where_the_shell_looks_for_it(
    process: Callable[..., Outcome], diffstyler: dict[str, str], name: str
) -> None:
    outcome = process("--install-completion", name, HOME=diffstyler["HOME"])
    assert outcome.code == 0, outcome.err
    path = Path(outcome.out.decode().partition(" is installed in ")[2].partition(";")[0])
    assert path.is_relative_to(diffstyler["HOME"])
    assert path.read_text().strip() == process("--show-completion", name).out.decode().strip()


def test_without_a_name_it_is_the_current_shell(process: Callable[..., Outcome]) -> None:
    for arguments in (["--show-completion"], ["--show-completion", "-V"]):
        outcome = process(*arguments, SHELL="/bin/nosuchshell")
        assert outcome.code in (0, 2)
        assert b"diffstyler" in outcome.out or "There is no completion for the shell" in outcome.err


def test_a_shell_that_there_is_no_completion_for_is_named(cli: Callable[..., Outcome]) -> None:
    outcome = cli("--show-completion", "tcsh")
    assert (outcome.code, outcome.out) == (2, b"")
    assert outcome.err.splitlines()[0] == "error: There is no completion for the shell 'tcsh'."


def test_a_style_of_each_kind_is_offered_first_and_all_names_that_fit(process: Callable[..., Outcome]) -> None:
    def offered(typed: str) -> list[str]:
        line = f"diffstyler stylize photo.png {typed}"
        changes = {"_DIFFSTYLER_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "3"}
        return process(**changes).out.decode().splitlines()

    assert offered("") == [style.names[0] for style in STYLES]
    assert offered("pencil") == ["pencil sketch", "pencil drawing", "pencil"]
