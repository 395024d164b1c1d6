"""`stylize --from-file -`: models that stay, lines in, lines out; kills and interruptions; the stand-in paints."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_harness import FAKE_APP, QUICK, Outcome, environment

Process = Callable[..., Outcome]


class Resident:
    """One that runs; `ask` gives it a line and waits for its answer."""

    def __init__(self, *arguments: str, **changes: str) -> None:
        command = [sys.executable, str(FAKE_APP), "stylize", "--from-file", "-", *arguments, *QUICK]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**changes)
        )

    def ask(self, line: str | dict[str, Any], end: str = "\n") -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        text = line if isinstance(line, str) else json.dumps(line)
        self.process.stdin.write(os.fsencode(text + end))
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer.startswith(b"{") else os.fsdecode(answer).removesuffix("\n")

    def end(self) -> tuple[int, list[Any], str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


@pytest.fixture
def resident() -> Iterator[Callable[..., Resident]]:
    opened: list[Resident] = []

    def start(*arguments: str, **changes: str) -> Resident:
        opened.append(Resident(*arguments, **changes))
        return opened[-1]

    yield start
    for one in opened:
        one.process.kill()
        one.process.communicate()


def test_each_line_is_answered_before_the_next_one_comes(resident: Callable[..., Resident], photo: Path) -> None:
    log = photo.parent / "loaded"
    one = resident("oil", "-o", "out", "--json", FAKE_LOG=str(log))
    assert one.ask("photo.png")["output"] == "out/photo-oil.png"
    assert one.ask({"image": "photo.png", "prompts": ["woodcut"], "id": {"a": 1}, "seed": 5})["id"] == {"a": 1}
    answer = one.ask({"image": "photo.png", "prompts": "ink:2", "output": "new/x.webp", "quality": 40, "lam": 0.25})
    assert (answer["status"], answer["prompts"], answer["output"]) == ("done", ["ink:2"], "new/x.webp")
    assert one.ask("photo.png")["status"] == "skipped"
    code, (end,), err = one.end()
    assert (code, end["done"], end["skipped"], end["failed"]) == (0, 3, 1, 0), err
    assert log.read_text() == "loaded\n"
    assert Path("new/x.webp").is_file()


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("{", 2, "begins as JSON and is none"),
        ("{}", 2, "names no photo"),
        ('{"image": 5}', 2, "image is a text"),
        ('{"image": "a\\u0000b"}', 2, "image is a text"),
        ('{"image": "-"}', 2, "names no photo"),
        ('{"image": "photo.png", "prompts": []}', 2, "prompts are"),
        ('{"image": "photo.png", "prompts": [5]}', 2, "prompts are"),
        ('{"image": "photo.png", "prompts": ["!"]}', 2, "no word"),
        ('{"image": "photo.png", "lam": 7}', 2, "outside"),
        ('{"image": "photo.png", "lam": []}', 2, "a number or a text"),
        ('{"image": "photo.png", "round_trip": 1}', 2, "true or false"),
        ('{"image": "photo.png", "steps": "many"}', 2, "not a whole number"),
        ('{"image": "photo.png", "device": "cpu"}', 2, "has no 'device'"),
        ('{"image": "photo.png", "output": "x.xyz"}', 2, "no format"),
        ('{"image": "photo.png", "output": "photo.png"}', 2, "is an input file"),
        ('{"image": "photo.png", "quality": 101}', 2, "quality"),
        ('{"image": "photo.png", "style_images": ["gone.png"]}', 3, "does not exist"),
        ("gone.png", 3, "does not exist"),
        (".", 3, "folder"),
        ("x" * 5000, 3, ""),
        ('{"image": "photo.png", "prompts": ["oom"]}', 5, ""),
        ("[" * 2000, 3, ""),
    ],
)
def test_a_bad_line_has_its_error_and_the_next_is_answered(
    process: Process, photo: Path, line: str, code: int, said: str
) -> None:
    lines = f"{line}\nphoto.png\n".encode()
    outcome = process("stylize", "--from-file", "-", "oil", "-o", "out", "--json", *QUICK, stdin=lines)
    bad, good, end = map(json.loads, outcome.out.splitlines())
    assert (bad["status"], bad["code"]) == ("failed", code), bad
    assert said in bad["error"]
    assert (good["status"], end["failed"], outcome.code) == ("done", 1, 6)
    assert "Traceback" not in outcome.err


def test_a_job_says_everything_itself_and_needs_no_folder(process: Process, photo: Path) -> None:
    jobs = [{"image": "photo.png", "prompts": ["oil"], "output": "a.png"}, {"image": "photo.png", "prompts": ["oil"]}]
    lines = "\n".join(map(json.dumps, jobs)).encode()
    outcome = process("stylize", "--from-file", "-", "--json", *QUICK, stdin=lines)
    good, bad, _ = map(json.loads, outcome.out.splitlines())
    assert (good["status"], bad["status"]) == ("done", "failed")
    assert "no output" in bad["error"]
    assert sorted(path.name for path in photo.parent.iterdir()) == ["a.png", "photo.png"]
    outcome = process("stylize", "--from-file", "-", "--json", *QUICK, stdin=b"photo.png")
    assert "has no prompt" in json.loads(outcome.out.splitlines()[0])["error"]


def test_names_from_find_and_paths_without_json(resident: Callable[..., Resident], photo: Path) -> None:
    shutil.copy(photo, "two\nlines.png")
    one = resident("oil", "-o", "out")
    assert one.ask("two\nlines.png", end="\0") == "out/two-lines-oil.png"
    assert one.ask("photo.png", end="\0") == "out/photo-oil.png"


def test_a_later_job_does_not_take_the_place_of_an_earlier_one(process: Process, photo: Path) -> None:
    from PIL import Image

    Image.new("RGB", (30, 30), "red").save("b.png")
    jobs = [{"image": name, "prompts": ["oil"], "output": "x.png"} for name in ("photo.png", "b.png")]
    lines = "\n".join(map(json.dumps, jobs)).encode()
    outcome = process("stylize", "--from-file", "-", "--json", *QUICK, stdin=lines)
    first, second, _ = map(json.loads, outcome.out.splitlines())
    assert (first["status"], second["status"]) == ("done", "failed")
    assert "it is of another photo" in second["error"]


def test_a_reader_that_goes_away_ends_it_quietly(resident: Callable[..., Resident], photo: Path) -> None:
    one = resident("oil", "-o", "out", "--json")
    one.ask("photo.png")
    assert one.process.stdout is not None
    assert one.process.stdin is not None
    one.process.stdout.close()
    one.process.stdout = None
    one.process.stdin.write(b"photo.png\n" * 3)
    one.process.stdin.flush()
    assert one.process.wait(60) == 141


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_waits_for_a_line_ends_it(
    resident: Callable[..., Resident], photo: Path, number: int, code: int
) -> None:
    one = resident("oil", "-o", "out", "--json")
    one.ask("photo.png")
    one.process.send_signal(number)
    assert one.process.wait(60) == code
    assert one.process.stderr is not None
    err = one.process.stderr.read().decode()
    assert "Kept: 1 pictures in out" in err
    assert "Fatal" not in err
    assert json.loads((photo.parent / "out/manifest.jsonl").read_text().splitlines()[-1])["kind"] == "end"


# --- runs that are cut short -----------------------------------------------------------------------------------------
def folder_of(photo: Path, count: int) -> None:
    Path("photos").mkdir()
    for number in range(count):
        shutil.copy(photo, f"photos/{number:02d}.png")


def command(*more: str) -> list[str]:
    return [sys.executable, str(FAKE_APP), "stylize", "photos", "oil", *QUICK, *more]


def test_interrupted_what_is_finished_is_kept_and_the_same_command_makes_the_rest(photo: Path) -> None:
    folder_of(photo, 5)
    running = subprocess.Popen(command("-o", "out"), stderr=subprocess.PIPE, env=environment(FAKE_STEP="0.1"))
    end = time.monotonic() + 60
    while len(list(Path("out").glob("*.png"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    there = len(list(Path("out").glob("*.png")))
    assert f"Kept: {there} of 5 pictures in out" in err.decode()
    assert "The same command makes the rest." in err.decode()
    done = subprocess.run(command("-o", "out"), capture_output=True, env=environment())
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5 - there
    seeds = {
        json.loads(line)["seed"] for line in Path("out/manifest.jsonl").read_text().splitlines() if '"run"' in line
    }
    assert len(seeds) == 1


def test_two_at_once_in_one_folder_make_all_and_neither_fails_the_other(photo: Path) -> None:
    folder_of(photo, 8)
    both = [
        subprocess.Popen(
            command("-o", "out", "--seed", "3", "-q"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(FAKE_STEP="0.02"),
        )
        for _ in range(2)
    ]  # fmt: skip
    ends = [one.communicate(timeout=60) for one in both]
    assert [one.returncode for one in both] == [0, 0], ends
    lines = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
    assert {line["file"] for line in lines if line["kind"] == "picture"} == {f"{n:02d}-oil.png" for n in range(8)}
    assert not list(Path("out").glob(".diffstyler-*"))


@pytest.mark.slow
def test_killed_at_any_moment_the_set_is_whole_in_the_end(photo: Path) -> None:
    folder_of(photo, 6)
    seed = ("--seed", "3")
    subprocess.run(command("-o", "whole", *seed), capture_output=True, check=True, env=environment())
    for number in range(4):
        running = subprocess.Popen(
            command("-o", "out", *seed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment(FAKE_STEP="0.03"),
        )  # fmt: skip
        end = time.monotonic() + 60
        while len(list(Path("out").glob("*.png"))) <= number and running.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.01)
        running.kill()
        running.wait()
    done = subprocess.run(command("-o", "out", *seed), capture_output=True, env=environment())
    assert done.returncode == 0, done.stderr
    from PIL import Image

    assert sorted(path.name for path in Path("out").iterdir()) == sorted(path.name for path in Path("whole").iterdir())
    for path in Path("whole").glob("*.png"):
        with Image.open(path) as one, Image.open(Path("out") / path.name) as other:
            assert one.tobytes() == other.tobytes()


def test_at_a_terminal_the_style_is_asked_for_after_all_else_is_right(terminal: Any, photo: Path) -> None:
    folder_of(photo, 2)
    window = terminal("stylize", "photos")
    assert window.end() == 2
    assert "Several pictures need a folder to go to." in window.text()
    window = terminal("stylize", "photos", "-o", "out", *QUICK)
    window.see("Which style?")
    window.press("\r")
    window.see("2 done, in out")
    assert window.end() == 0


@pytest.mark.slow
def test_at_a_terminal_one_display_with_counts_and_time_left(terminal: Any, photo: Path) -> None:
    folder_of(photo, 4)
    Path("photos/zz.png").write_bytes(b"")
    window = terminal("stylize", "photos", "oil", "-o", "out", *QUICK, FAKE_STEP="0.3")
    window.see("1 done, 0 failed, 0 there already")
    window.see("a minute, about")
    window.see("2/5")
    window.see("photos/zz.png: failed: zz.png is empty (zero bytes).")
    assert window.end() == 6
    assert "4 done, 1 failed, in out" in window.text()
    again = terminal("stylize", "photos", "oil", "-o", "out", *QUICK)
    again.see("4 of 5 pictures are there already.")
    assert again.end() == 6
