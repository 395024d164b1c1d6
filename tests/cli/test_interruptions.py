from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cli_harness import FAKE_APP, environment


def start(*arguments: str, step: float = 0.1) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(FAKE_APP), "stylize", "photo.png", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(FAKE_STEP=str(step)),
    )  # fmt: skip


def wait_for(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_in_the_middle_keeps_and_names_what_is_finished(photo: Path, number: int, code: int) -> None:
    running = start("oil", "--steps", "4", "-n", "3", "-o", "a.png", "--json")
    wait_for(photo.parent / "a-1.png")
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    assert running.returncode == code
    last = err.decode().splitlines()[-1]
    assert "Kept: a-1.png" in last
    assert "error" not in last
    document = json.loads(out)
    assert [r["path"] for r in document["results"]] == ["a-1.png"]
    assert document["error"]["code"] == code
    assert sorted(path.name for path in photo.parent.iterdir()) == ["a-1.png", "photo.png"]


def test_interrupted_before_anything_is_finished(photo: Path) -> None:
    running = start("oil", "--steps", "12", "--t1", "1x", "--preview-path", "p.png")
    wait_for(photo.parent / "p.png")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (130, b"")
    assert err.decode().splitlines()[-1] == "Interrupted; nothing was written."


def test_a_signal_while_a_file_is_put_in_place_waits_until_it_is_noted(photo: Path) -> None:
    from diffstyler_cli.cli.terminal.interrupts import uninterrupted

    noted = []

    def put_in_place() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            noted.append("whole")

    with pytest.raises(KeyboardInterrupt):
        put_in_place()
    assert noted == ["whole"]


@pytest.mark.parametrize("arguments", [["-o", "-"], ["-n", "30"], ["--json"]])
def test_a_closed_pipe_is_quiet(photo: Path, arguments: list[str]) -> None:
    running = start("oil", "--steps", "1", "-q", *arguments, step=0)
    assert running.stdout is not None
    running.stdout.close()
    running.stdout = None
    _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (141, b"")


@pytest.mark.parametrize("columns", [40, 100])
def test_ctrl_c_at_a_terminal_leaves_the_screen_in_order(terminal: Any, photo: Path, columns: int) -> None:
    window = terminal("stylize", "photo.png", "oil", "--steps", "50", columns=columns, FAKE_STEP="0.05")
    window.see("Free diffusion")
    window.press("\x03")
    assert window.end() == 130
    assert "Interrupted; nothing was written." in window.text()
    assert window.raw.rfind(b"\x1b[?25h") > window.raw.rfind(b"\x1b[?25l"), "the cursor is shown again"


def test_ctrl_c_while_the_program_is_imported_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    where = environment()
    where["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{where['PYTHONPATH']}"
    done = subprocess.run([sys.executable, "-m", "diffstyler_cli", "--version"], capture_output=True, env=where)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
