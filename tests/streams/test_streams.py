"""Results on standard output, all else on standard error: every command in every mode, and every exit code."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import FAKE_APP, QUICK, SOURCE, Outcome, Terminal, environment

from diffstyler_cli.cli.app import COMMANDS
from diffstyler_cli.cli.terminal.errors import EXIT_CODES

REAL = ("-c", "from diffstyler_cli.cli.app import main; main()")

PLANNED = b"".join(
    b"photo-oil-painting-sweep/%s\n" % name for name in (b"grid.png", b"index.html", b"manifest.json", b"manifest.csv")
)

SCENARIOS: dict[str, tuple[tuple[str, ...], tuple[str, ...], bytes]] = {
    "stylize": ((str(FAKE_APP),), ("photo.png", "λ unknown", *QUICK, "-o", "new.png", "--force"), b"new.png\n"),
    "inspect": (REAL, ("made.png", "photo.png"), b"made.png\n"),
    "sweep": (REAL, ("photo.png", "oil painting", "--lambda", "0,1", "--dry-run", "--size", "64"), PLANNED),
    "download": (REAL, ("--models", "lite"), b""),
}
"""By command: the program, arguments with which it succeeds, and what -q leaves on standard output."""

MODES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "pipe": ((), {}),
    "json": (("--json",), {}),
    "quiet": (("-q",), {}),
    "no color": ((), {"NO_COLOR": "1"}),
    "dumb": ((), {"TERM": "dumb"}),
    "ascii": ((), {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}),
    "40 columns": ((), {"COLUMNS": "40"}),
}


def case(command: str, mode: str) -> Any:
    """The sweep cannot be played by the stand-in and loads torch: modes that its own code does not know are slow."""
    slow = command == "sweep" and mode not in ("pipe", "json", "quiet", "wide")
    return pytest.param(command, mode, marks=[pytest.mark.slow] if slow else [])


MADE: list[bytes] = []
"""The file made.png, once it is there."""


@pytest.fixture
def pictures(process: Callable[..., Outcome], photo: Path) -> Path:
    """The folder with photo.png and made.png, which has a recipe."""
    if not MADE:
        assert process("stylize", "photo.png", "λ \x1b[31m 浮世絵", *QUICK, "-o", "made.png").code == 0
        MADE.append(Path("made.png").read_bytes())
    (photo.parent / "made.png").write_bytes(MADE[0])
    return photo.parent


def run(command: str, *arguments: str, stdin: bytes = b"", **changes: str) -> Outcome:
    program = SCENARIOS[command][0]
    line = [sys.executable, *program, command, *arguments]
    where = environment(**{"DIFFSTYLER_CACHE_DIR": "cache", "XDG_CONFIG_HOME": "none"} | changes)
    done = subprocess.run(line, input=stdin, capture_output=True, env=where, timeout=120)
    return Outcome(done.returncode, done.stdout, done.stderr.decode())


def test_every_command_is_in_the_table() -> None:
    assert set(SCENARIOS) == set(COMMANDS)


@pytest.mark.parametrize(("command", "mode"), [case(c, m) for c in SCENARIOS for m in MODES])
def test_what_is_printed_where(
    pictures: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, command: str, mode: str
) -> None:
    more, changes = MODES[mode]
    _, arguments, results = SCENARIOS[command]
    if command == "sweep" and mode in ("json", "quiet"):  # torch is loaded here already; "pipe" is the whole process
        monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", "cache")
        code, out, err = request.getfixturevalue("lite_cli")(command, *arguments, *more)
        outcome = Outcome(code, out.encode(), err)
    else:
        outcome = run(command, *arguments, *more, **changes)
    assert outcome.code == 0, outcome.err
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", outcome.out + outcome.err.encode()), "control characters"
    if mode == "json":
        document = json.loads(outcome.out)
        assert document["schema"].startswith("diffstyler.")
        assert (document["ok"], document["error"]) == (True, None)
    elif mode == "quiet":
        assert (outcome.out, outcome.err) == (results, "")
    elif command != "inspect":  # whose report is the result
        assert outcome.out == results
    if mode == "ascii":
        assert (outcome.out + outcome.err.encode()).isascii()
    if mode == "40 columns" and command == "inspect":
        table = outcome.out.decode().split("\nSame again")[0]
        assert max(map(len, table.splitlines())) <= 40, table


@pytest.mark.parametrize("command", SCENARIOS)
@pytest.mark.parametrize("quiet", [(), ("-q",), ("--json",)], ids=["plain", "quiet", "json"])
def test_an_error_is_two_lines_and_leaves_standard_output_to_results(
    pictures: Path, command: str, quiet: tuple[str, ...]
) -> None:
    outcome = run(command, "--nonsense", *quiet)
    assert (outcome.code, outcome.out) == (2, b"")
    lines = outcome.err.splitlines()
    assert len(lines) == 2
    assert lines[0] == "error: There is no option --nonsense."
    assert f"See diffstyler {command} --help." in lines[1]


SHOWN = {"stylize": "new.png", "inspect": "\\x1b[31m", "sweep": "2 pictures", "download": "nothing to"}
"""By command: what a person sees."""

TERMINALS = {
    "wide": (120, {}),
    "40 columns": (40, {}),
    "no color": (80, {"NO_COLOR": "1"}),
    "dumb": (80, {"TERM": "dumb"}),
    "ascii": (80, {"PYTHONIOENCODING": "ascii"}),
}


@pytest.mark.parametrize(("command", "mode"), [case(c, m) for c in SCENARIOS for m in TERMINALS])
def test_at_a_terminal(pictures: Path, terminal: Callable[..., Terminal], command: str, mode: str) -> None:
    columns, changes = TERMINALS[mode]
    program, arguments, _ = SCENARIOS[command]
    window = terminal(command, *arguments, columns=columns, rows=120, program=program, **changes)
    assert window.end() == 0
    screen = window.text()
    assert all(ord(c) >= 32 for c in screen.replace("\n", ""))
    assert SHOWN[command] in screen
    assert b"\x1b[31m \xe6" not in window.raw, "the prompt's own escape code"
    if mode == "no color":
        assert not re.search(rb"\x1b\[(?:\d+;)*[349][0-8]", window.raw)
    if mode == "dumb":
        assert b"\x1b" not in window.raw
    if mode == "ascii":
        assert window.raw.isascii()


# --- exit codes ------------------------------------------------------------------------------------------------------


def exit_code(*arguments: str, **changes: str) -> int:
    command = [sys.executable, str(FAKE_APP), *arguments]
    return subprocess.run(command, capture_output=True, env=environment(**changes), timeout=120).returncode


def signalled(number: int) -> Callable[[Path], int]:
    """Exit code after a signal at a random step; nothing half done is left."""

    def interrupt(folder: Path) -> int:
        step = random.Random(os.getpid()).randrange(1, 20)
        log = folder / "log"
        arguments = ("photo.png", "oil", "--steps", "20", "--t1", "1x", "-o", "a.png", "--log-file", str(log))
        running = subprocess.Popen(
            [sys.executable, str(FAKE_APP), "stylize", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(FAKE_STEP="0.04"),
        )  # fmt: skip
        end = time.monotonic() + 60
        while not (log.exists() and f" sample {step}/20" in log.read_text()):
            assert time.monotonic() < end
            time.sleep(0.02)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
        assert out == b""
        assert "nothing was written" in err.decode().splitlines()[-1]
        assert {p.name for p in folder.iterdir()} == {"photo.png", "made.png", "log"}
        return running.returncode

    return interrupt


def head(folder: Path) -> int:
    """Exit code with a reader that takes one byte of much more than a pipe holds."""
    from PIL import Image

    from diffstyler_cli.images import write_image

    write_image(Image.new("RGB", (4, 4)), folder / "long.png", {"notes": ["much"] * 100_000})
    program = f"'{sys.executable}' '{FAKE_APP}'"
    script = f"{program} inspect long.png --json -q | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment(), timeout=120)
    assert done.stderr == ""
    return int(done.stdout)


CODES: dict[int, Callable[[Path], int]] = {
    0: lambda folder: exit_code("stylize", "photo.png", "oil", *QUICK),
    1: lambda folder: exit_code("stylize", "photo.png", "nan", *QUICK, "--seed", "1"),
    2: lambda folder: exit_code("stylize", "photo.png", "oil", "--lambda", "2"),
    3: lambda folder: exit_code("stylize", "gone.png", "oil"),
    4: lambda folder: exit_code("stylize", "photo.png", "oil", "--models", "full", "--art-weights", "gone.pth"),
    5: lambda folder: exit_code("stylize", "photo.png", "oom", *QUICK),
    6: lambda folder: exit_code("stylize", "photo.png", "nan", *QUICK, "--seed", "1", "-n", "2"),
    130: signalled(signal.SIGINT),
    141: head,
    143: signalled(signal.SIGTERM),
}


@pytest.mark.parametrize("code", CODES)
def test_each_exit_code_as_documented(pictures: Path, code: int) -> None:
    assert CODES[code](pictures) == code


def test_every_documented_exit_code_is_tested() -> None:
    assert list(CODES) == list(EXIT_CODES)
    assert EXIT_CODES.keys() <= {int(c) for c in re.findall(r"^\| (\d+) \|", reference(), re.M)}


def reference() -> str:
    return (SOURCE.parent / "docs/cli.md").read_text(encoding="utf-8")


# --- the log ---------------------------------------------------------------------------------------------------------


def test_a_log_has_what_a_bug_report_needs(pictures: Path) -> None:
    line = ("stylize", "photo.png", "crash", *QUICK, "--log-file", "log")
    assert exit_code(*line, HF_TOKEN="secret", DIFFSTYLER_CACHE_DIR="here") == 1
    log = Path("log").read_text()
    for said in (
        "diffstyler stylize photo.png crash --steps 2 --log-file log", "Python 3.", "torch 2.", "free 1/2 at",
        "DIFFSTYLER_CACHE_DIR=here", "lite models on cpu", "Traceback", "KeyError: 'nobody foresaw this'",
        "exit code 1: Unexpected",
    ):  # fmt: skip
        assert said in log, log
    assert "secret" not in log
    before = len(log)
    assert exit_code("inspect", "made.png", "--log-file", "log") == 0
    assert len(Path("log").read_text()) > before, "logs are appended to"
    assert exit_code("inspect", "made.png", "--log-file", "gone/log") == 1


def test_a_log_takes_control_characters_as_text(pictures: Path) -> None:
    exit_code("stylize", "photo.png", "\x1b[31m unknown", *QUICK, "--log-file", "log")
    assert "\x1b" not in Path("log").read_text()


# --- shells ----------------------------------------------------------------------------------------------------------

COMPLETIONS: list[tuple[str, list[str]]] = [
    ("diffstyler insp", ["inspect"]),
    ("diffstyler stylize --solver p", ["plms", "plms2", "prk", "pie"]),
    ("diffstyler stylize --device c", ["cpu", "cuda"]),
    ("diffstyler stylize --models ", ["auto", "lite", "full"]),
    ("diffstyler stylize --dtype b", ["bf16"]),
    ("diffstyler sweep --guide ", ["art", "both", "none"]),
    ("diffstyler inspect --com", ["--command", "--compare"]),
]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_has_values(photo: Path, shell: str) -> None:
    for line, expected in COMPLETIONS:
        words = line.split(" ")
        variables: dict[str, Any] = {
            "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
            "zsh": {"_TYPER_COMPLETE_ARGS": line},
            "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
        }[shell]
        where = environment(_DIFFSTYLER_COMPLETE=f"complete_{shell}", **variables)
        done = subprocess.run([sys.executable, *REAL], capture_output=True, text=True, env=where, timeout=120)
        offered = re.findall(r"\"?(--?[\w-]+|[\w]+)\"?(?=[\s\":]|$)", done.stdout, re.M)
        assert [word for word in expected if word in offered] == expected, done.stdout
        assert not any(word in done.stdout.split() for word in ("dpmpp_2m", "mps") if word not in expected)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_printed(photo: Path, shell: str) -> None:
    where = environment(_DIFFSTYLER_COMPLETE=f"source_{shell}")
    done = subprocess.run([sys.executable, *REAL], capture_output=True, text=True, env=where, timeout=120)
    assert "_DIFFSTYLER_COMPLETE" in done.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here to check its script")
    check = subprocess.run([shell, "-n"], input=done.stdout, capture_output=True, text=True)
    assert (check.returncode, check.stderr) == (0, "")
