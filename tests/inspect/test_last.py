"""`inspect --last`: the pictures made here, from a file of lines that anybody may have touched."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_harness import QUICK, Outcome, environment

from diffstyler_cli.cli.history import LARGEST, MOST, SLACK, history_path, note

Cli = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def history(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The history's file, which is not there yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    return history_path()


def last(cli: Cli, *arguments: object) -> list[dict[str, Any]]:
    outcome = cli("inspect", "--last", *arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(outcome.out)["pictures"]
    return rows


def add(count: int = 1, **changes: Any) -> None:
    for number in range(count):
        given = {
            "path": Path(f"{number}.png"),
            "prompts": ("oil",),
            "command": f"diffstyler stylize {number}",
        } | changes
        note("stylize", size=(32, 24), seconds=1.5, **given)


def test_each_picture_is_there_with_the_command_that_was_printed(cli: Cli, photo: Path) -> None:
    printed = []
    for prompt in ("oil", "woodcut"):
        outcome = cli("stylize", "photo.png", prompt, *QUICK)
        printed += [line for line in outcome.err.splitlines() if line.startswith("Same again: ")]
    rows = last(cli)
    assert [row["command"] for row in rows] == [line.removeprefix("Same again: ") for line in reversed(printed)]
    newest = rows[0]
    assert newest["path"] == str(photo.with_name("photo-woodcut.png"))
    assert (newest["size"], newest["prompts"], newest["folder"]) == ([32, 24], ["woodcut"], str(photo.parent))
    assert (newest["kind"], newest["missing"], newest["seconds"]) == ("stylize", False, 2.0)
    again = shlex.split(newest["command"])
    assert cli(*again[1:], "-o", "again.png").code == 0


def test_each_of_several_pictures_is_there_by_itself(cli: Cli, photo: Path) -> None:
    assert cli("stylize", "photo.png", "oil", *QUICK, "-n", "2", "--seed", "5").code == 0
    seeds = [shlex.split(row["command"])[-1] for row in last(cli)]
    assert seeds == ["6", "5"]
    assert len(last(cli, 1)) == 1


def test_the_report_shows_what_is_missing_and_quiet_names_what_is_there(cli: Cli, photo: Path) -> None:
    assert cli("stylize", "photo.png", "oil", *QUICK).code == 0
    assert cli("stylize", "photo.png", "woodcut", *QUICK).code == 0
    Path("photo-oil.png").unlink()
    report = "".join(cli("inspect", "--last").out.decode().split("\n"))  # a long path is broken at the edge
    assert report.count("missing") == 1
    assert "diffstyler stylize photo.png woodcut" in report
    assert report.index("woodcut") < report.index("oil")
    assert cli("inspect", "--last", "-q").out == os.fsencode(photo.with_name("photo-woodcut.png")) + b"\n"


@pytest.mark.parametrize("value", ["1", "yes"])
def test_nothing_is_noted_where_it_is_forbidden(
    cli: Cli, photo: Path, history: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    assert cli("stylize", "photo.png", "oil", *QUICK, "--no-metadata").code == 0
    monkeypatch.setenv("DIFFSTYLER_NO_HISTORY", value)
    assert cli("stylize", "photo.png", "oil", *QUICK).code == 0
    assert not history.parent.exists()
    outcome = cli("inspect", "--last")
    assert "No picture was noted here yet" in outcome.out.decode()
    assert "DIFFSTYLER_NO_HISTORY is set" in outcome.err


def test_pictures_for_standard_output_and_names_that_are_no_text(cli: Cli, photo: Path, process: Any) -> None:
    state = os.environ["XDG_STATE_HOME"]
    assert process("stylize", "photo.png", "oil", *QUICK, "-o", "-", XDG_STATE_HOME=state).code == 0
    name = os.fsdecode(b"a\xff\x1b[31m.png")
    assert cli("stylize", "photo.png", "oil", *QUICK, "-o", name).code == 0
    named, piped = last(cli)
    assert (os.fsencode(Path(named["path"]).name), named["missing"]) == (b"a\xff\x1b[31m.png", False)
    assert piped["path"] is None
    report = cli("inspect", "--last").out.decode()
    assert "(standard output)" in report
    assert "\x1b" not in report
    assert cli("inspect", "--last", "-q").out.endswith(b"/a\xff\x1b[31m.png\n")


HOSTILE = {
    "kind": ["rm", None, 3],
    "time": ["soon", 3, None, "0001-01-01T00:00:00+14:00", "9" * 5000],
    "size": [[1], [1, -1], ["1", "2"], [1.5, 2], None, [True, True], [10**400, 1]],
    "seconds": [-1, "1", None, True, 1e300, float("nan"), float("inf")],
    "pictures": [0, None, 10**30],
    "prompts": ["oil", [3], None],
    "path": [3, ["a"]],
    "folder": [None, 3],
    "command": [None, ["rm"]],
}


def test_lines_that_make_no_sense_are_passed_over(cli: Cli, photo: Path, history: Path) -> None:
    add()
    (line,) = history.read_bytes().splitlines()
    good = json.loads(line)
    bad = [json.dumps(good | {key: value}).encode() for key, values in HOSTILE.items() for value in values]
    bad += [json.dumps({k: v for k, v in good.items() if k != key}).encode() for key in good]
    bad += [b"", b"\0\xff", line[:40], b"[]", b"3", b'{"time": ' + b"9" * 5000 + b"}", b"[" * 100_000]
    bad += [json.dumps(good | {"command": "x" * 20_000}).encode()]
    history.write_bytes(b"\n".join([*bad, line, *bad]))
    assert [row["command"] for row in last(cli, 1000)] == [good["command"]]
    assert cli("inspect", "--last").code == 0


def test_escapes_in_the_file_act_on_no_terminal(cli: Cli, photo: Path, history: Path) -> None:
    add(path=Path("\x1b]0;p\x07\u202e\nx"), prompts=("\x1b[2J[red]\n",), command="rm \x1b[31m\r\n")
    report = cli("inspect", "--last").out.decode()
    assert "[red]" in report
    assert not any(ord(c) < 32 and c != "\n" for c in report)
    assert "\u202e" not in report
    assert len(report.splitlines()) <= 6


def test_a_line_that_another_process_left_half_is_passed_over_and_nothing_else(cli: Cli, history: Path) -> None:
    add(2)
    whole = history.read_bytes()
    history.write_bytes(whole[:-20])
    add(path=Path("after.png"))
    assert [Path(row["path"]).name for row in last(cli)] == ["after.png", "0.png"]


def test_the_file_keeps_the_last_thousand(cli: Cli, history: Path) -> None:
    add()
    line = history.read_bytes()
    history.write_bytes(line * (MOST + SLACK - 1))
    add(3)
    lines = history.read_bytes().splitlines()
    assert len(lines) == MOST + 1
    assert [row["command"] for row in last(cli, 3)] == [f"diffstyler stylize {n}" for n in (2, 1, 0)]


def test_the_file_stays_within_its_bytes(cli: Cli, history: Path) -> None:
    add(command="x" * 15_000)
    line = history.read_bytes()
    history.write_bytes(line * 5000)  # 75 MB
    add(path=Path("after.png"))
    assert history.stat().st_size <= LARGEST
    assert [Path(row["path"]).name for row in last(cli, 2)] == ["after.png", "0.png"]


def test_a_command_too_long_to_keep_is_left_to_the_recipe(cli: Cli, history: Path) -> None:
    add(command="x" * 100_000, prompts=("y" * 100_000,) * 100)
    (row,) = last(cli)
    assert (row["command"], len(row["prompts"])) == ("", 20)
    assert "its command is in its recipe" in cli("inspect", "--last").out.decode()


def test_several_processes_at_once_lose_nothing(cli: Cli, history: Path) -> None:
    add()
    history.write_bytes(history.read_bytes() * (MOST + SLACK - 30))  # the file is trimmed while they write
    code = (
        "import sys\nfrom pathlib import Path\nfrom diffstyler_cli.cli.history import note\n"
        "for n in range(25): note('stylize', Path(f'{sys.argv[1]}-{n}.png'), (1, 1), ('oil',), 1.0, 'c')"
    )
    where = environment(XDG_STATE_HOME=os.environ["XDG_STATE_HOME"])
    running = [subprocess.Popen([sys.executable, "-c", code, str(n)], env=where) for n in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0] * 4
    names = {Path(row["path"]).stem for row in last(cli, 100)}
    assert names == {f"{process}-{n}" for process in range(4) for n in range(25)}


@pytest.mark.parametrize("obstacle", ["folder", "pipe", "file"])
def test_a_history_that_cannot_be_written_disturbs_nothing(cli: Cli, photo: Path, history: Path, obstacle: str) -> None:
    history.parent.mkdir() if obstacle != "file" else history.parent.write_text("in the way")
    if obstacle == "folder":
        history.mkdir()
    elif obstacle == "pipe":
        os.mkfifo(history)
    outcome = cli("stylize", "photo.png", "oil", *QUICK, "--log-file", "log.txt")
    assert outcome.code == 0
    assert "history" not in outcome.err
    assert "history" in Path("log.txt").read_text()
    assert last(cli) == []


def test_a_state_folder_without_rights_disturbs_nothing(
    open_folder: Path, as_plain_user: Callable[[], None], cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = open_folder / "state"
    (state / "diffstyler").mkdir(parents=True)
    (state / "diffstyler").chmod(0o555)
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.chdir(open_folder)
    as_plain_user()
    add()
    assert list((state / "diffstyler").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x",), "--last 'x' is not a whole number"),
        (("0",), "--last 0 is outside [1, 1000]"),
        (("1001",), "outside [1, 1000]"),
        (("1", "2"), "not a whole number"),
        (("--styles",), "exclude each other"),
        (("--photo", "x.png"), "--photo has no effect"),
    ],
)
def test_what_makes_no_sense_beside_it_is_refused(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    outcome = cli("inspect", "--last", *arguments)
    assert (outcome.code, outcome.out) == (2, b"")
    assert message in outcome.err


def test_it_needs_no_torch() -> None:
    code = (
        "import sys\nfrom diffstyler_cli.cli.app import run\nrun(['inspect', '--last'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
