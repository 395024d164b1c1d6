from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome

from diffstyler_cli.cli.terminal.errors import EXIT_CODES, Interrupted, explain
from diffstyler_cli.errors import InputImageError, NumericalError, OutputError, UsageError, WeightsError

Cli = Callable[..., Outcome]

USAGE = [
    (["stylize"], "No photo is given"),
    (["stylize", "photo.png"], "No prompt is given"),
    (["stylize", "photo.png", ""], "prompt is empty"),
    (["stylize", "photo.png", "oil", "--lambda", "1.5"], "--lambda 1.5 is outside [0, 1]"),
    (["stylize", "photo.png", "oil", "--lambda", "nan"], "--lambda nan is outside"),
    (["stylize", "photo.png", "oil", "--lambda", "much"], "--lambda 'much' is not a number"),
    (["stylize", "photo.png", "oil", "--steps", "2.5"], "--steps '2.5' is not a whole number"),
    (["stylize", "photo.png", "oil", "--t1", "10"], "T must not exceed T1"),
    (["stylize", "photo.png", "oil", "--solver", "euler"], "--solver 'euler' is not one of"),
    (["stylize", "photo.png", "oil", "-n", "0"], "--variations 0 is outside"),
    (["stylize", "photo.png", "oil", "-n", "many"], "--variations 'many' is not a whole number"),
    (["stylize", "photo.png", "oil", "--max-pixels", "0"], "--max-pixels 0 is outside [1, 1000000000000]"),
    (["stylize", "photo.png", "oil", "--seed"], "requires an argument"),
    (["stylize", "photo.png", "oil", "--seed", "9223372036854775807", "-n", "2"], "leaves no seeds"),
    (["stylize", "photo.png", "oil", "-o", "out.xyz"], "suffix"),
    (["stylize", "photo.png", "oil", "-o", "photo.png", "--force"], "is an input file"),
    (["stylize", "photo.png", "oil", "--preview-path", "photo.png", "--force"], "is an input file"),
    (["stylize", "photo.png", "oil", "-o", "a.png", "--preview-path", "./a.png"], "is the output"),
    # options that this kind of run does not have
    (["stylize", "photo.png", "oil", "--force"], "--force has no effect on automatic names"),
    (["stylize", "photo.png", "oil", "--models", "lite", "--art-model", "cc12m"], "--art-model has no effect"),
    (["stylize", "photo.png", "oil", "--json", "-o", "-"], "--json and -o -"),
    (["stylize", "photo.png", "oil", "--force", "-o", "-"], "--force has no effect"),
    (["stylize", "photo.png", "oil", "-n", "2", "-o", "-"], "one picture"),
    (["stylize", "photo.png", "oil", "--preview"], "--preview needs a terminal"),
    (["stylize", "photo.png", "oil", "--preview", "-q"], "--preview and --quiet"),
    (["stylize", "photo.png", "oil", "--interactive"], "--interactive needs a terminal"),
    (["stylize", "photo.png", "oil", "--interactive", "--yes"], "--interactive and --no-input"),
    (["stylize", "photo.png", "oil", "--interactive", "--json"], "--interactive excludes"),
    (
        ["stylize", "photo.png", "oil", "--cutouts", "4", "--w-instruction", "0", "--w-aesthetic", "0"],
        "--cutouts: --w-i",
    ),
    (["stylize", "photo.png", "oil", "--distance", "cosine", "--w-instruction", "0"], "--distance: --w-instruction 0"),
    (["stylize", "photo.png", "oil", "--guide", "art", "--guidance-scale", "0"], "--guide has no effect"),
    (["stylize", "photo.png", "oil", "--tile", "800"], "--tile 800 changes nothing for a picture of --size 512"),
    (["stylize", "photo.png", "oil", "--tile", "3000", "--size", "4096"], "--tile 3000 changes nothing"),
    (["stylize", "photo.png", "oil", "--stroke-scale", "0"], "--stroke-scale changes nothing for a picture of --size"),
    (["stylize", "photo.png", "oil", "--w-tv", "2", "--guidance-scale", "0"], "--w-tv: --guidance-scale 0"),
    (["stylize", "photo.png", "oil", "--round-trip", "--t1", "1.0x"], "--round-trip has no way to go"),
    (["stylize", "photo.png", "oil:2", "--prompt-weight", "3"], "--prompt-weight has no effect"),
    (
        ["stylize", "photo.png", "oil", "--noise-iters", "3"]
        + [word for loss in ("instruction", "content", "nce", "aesthetic", "tv") for word in (f"--w-{loss}", "0")],
        "--noise-iters: every loss weight is 0",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(a[2:])[:60] or a[0] for a, _ in USAGE])
def test_wrong_usage_is_two_lines_and_exit_2_before_models_load(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("FAKE_LOG", str(photo.parent / "loaded"))
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert outcome.out == b"" or "--json" in arguments
    lines = outcome.err.splitlines()
    assert len(lines) == 2, outcome.err
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


@pytest.mark.parametrize(
    ("arguments", "guess"),
    [
        (["stylize", "photo.png", "oil", "--lamda", "1"], "--lambda"),
        (["stylise", "photo.png", "oil"], "stylize"),
        (["photo.png", "oil painting"], "diffstyler stylize photo.png 'oil painting'"),
        (["stylize", "--seed"], "diffstyler stylize --help"),
        ([], "diffstyler --help"),
    ],
)
def test_mistyped_options_and_commands_get_a_suggestion(
    cli: Cli, photo: Path, arguments: list[str], guess: str
) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert guess in outcome.err.splitlines()[1]


@pytest.mark.parametrize(("prompt", "code"), [("oom", 5), ("nan", 1), ("crash", 1)])
def test_a_failed_run_leaves_no_file(cli: Cli, photo: Path, prompt: str, code: int) -> None:
    outcome = cli("stylize", photo, prompt, "--seed", "1", *QUICK, "-q")
    assert (outcome.code, outcome.out) == (code, b"")
    assert len(outcome.err.splitlines()) == 2
    assert "Traceback" not in outcome.err
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


def test_out_of_memory_names_the_options_that_help(cli: Cli, photo: Path) -> None:
    err = cli("stylize", photo, "oom", *QUICK, "-q").err
    assert all(option in err for option in ("--size", "--dtype", "--guide none"))


def test_debug_shows_the_traceback_and_the_two_lines(cli: Cli, photo: Path) -> None:
    lines = cli("stylize", photo, "crash", *QUICK, "--debug").err.splitlines()
    assert any(line.startswith("Traceback") for line in lines)
    assert lines[-2].startswith("error: Unexpected error: KeyError")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), (b"", "empty"), (b"<html>", "web page"), (b"\x89PNG\r\n", "damaged")],
)
def test_a_bad_photo_is_exit_3(cli: Cli, photo: Path, content: bytes | None, message: str) -> None:
    bad = photo.parent / "bad.png"
    if content is not None:
        bad.write_bytes(content)
    outcome = cli("stylize", bad, "oil")
    assert outcome.code == 3
    assert message in outcome.err
    assert cli("stylize", photo, "--style-image", bad).code == 3


def test_missing_weights_are_exit_4(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "oil", "--models", "full", "--photo-weights", "none.pt")
    assert (outcome.code, "--photo-weights none.pt" in outcome.err) == (4, True)


def test_unwritable_folder_is_found_before_models_load(
    cli: Cli, photo: Path, open_folder: Path, as_plain_user: Callable[[], None]
) -> None:
    shutil.copy(photo, open_folder / "photo.png")
    (open_folder / "locked").mkdir(mode=0o500)
    assert cli("stylize", photo, "oil", *QUICK).code == 0  # whatever is to be imported is
    as_plain_user()
    outcome = cli("stylize", open_folder / "photo.png", "oil", "-o", open_folder / "locked" / "a.png", *QUICK)
    assert (outcome.code, "lite models on" in outcome.err) == (1, False)
    assert "ermission" in outcome.err or "writ" in outcome.err


def test_a_folder_that_is_not_there_is_found_before_models_load(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "oil", "-o", "gone/a.png")
    assert (outcome.code, "does not exist" in outcome.err, "lite models on" in outcome.err) == (1, True, False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (InputImageError("x"), 3),
        (WeightsError("x"), 4),
        (MemoryError(), 5),
        (RuntimeError("CUDA out of memory. Tried to allocate"), 5),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 5),
        (type("OutOfMemoryError", (RuntimeError,), {})("x"), 5),
        (NumericalError("x"), 1),
        (OutputError("x"), 1),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), 1),
        (Interrupted(143, "x"), 143),
        (ValueError("x"), 1),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert explain(error).code == code
    assert code in EXIT_CODES


def test_a_full_disk_is_said_so() -> None:
    failure = explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.png"))
    assert "full" in failure.message
    assert "a.png" in failure.message


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: /dev/full")
def test_results_that_cannot_be_printed_are_an_error(photo: Path) -> None:
    import subprocess

    from cli_harness import FAKE_APP, environment

    with open("/dev/full", "wb") as full:
        command = [sys.executable, str(FAKE_APP), "stylize", str(photo), "oil", *QUICK, "-q", "-o", "-"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment())
    assert done.returncode == 1
    assert b"disk is full" in done.stderr
    assert b"Traceback" not in done.stderr
