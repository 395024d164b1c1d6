"""Values of hundreds of digits are refused in two short lines; those that fit come back to the last digit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome

Cli = Callable[..., Outcome]

WHOLE = ("--size", "--steps", "--seed", "--cutouts", "--noise-iters", "--max-pixels")


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize(
    ("command", "flag"),
    [("stylize", flag) for flag in (*WHOLE, "-n", "--lambda", "--t1", "--solver")]
    + [("sweep", flag) for flag in (*WHOLE, "--batch", "--lambda", "--t1", "--solver")],
)
@pytest.mark.parametrize("form", ["{}", "1:{}", "1,{},{}"])
def test_a_number_of_hundreds_of_digits_is_refused_in_two_short_lines(
    cli: Cli, photo: Path, command: str, flag: str, digits: int, form: str
) -> None:
    value = form.format(*["9" * digits] * 2)
    outcome = cli(command, photo, "oil", flag, value)
    assert outcome.code == 2, outcome.err[:300]
    *notices, message, advice = outcome.err.splitlines()
    assert message.startswith("error: ")
    assert len(message) < 200
    assert 0 < len(advice) < 200
    assert all("Nothing is varied" in notice for notice in notices)
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


@pytest.mark.parametrize("command", ["stylize", "sweep"])
def test_the_first_seed_beyond_the_last_is_named_exactly(cli: Cli, photo: Path, command: str) -> None:
    err = cli(command, photo, "oil", "--seed", 2**63).err
    assert "--seed 9223372036854775808 is outside [0, 9223372036854775807]" in err


def test_a_prompt_weight_of_hundreds_of_digits_is_two_short_lines(cli: Cli, photo: Path) -> None:
    outcome = cli("stylize", photo, "oil:" + "9" * 5000)
    assert outcome.code == 2
    assert max(map(len, outcome.err.splitlines())) < 200


def test_every_decimal_of_lambda_stands_in_the_command_that_makes_the_same_again(cli: Cli, photo: Path) -> None:
    exact = "0.12345678901234566"
    assert f"--lambda {exact} " in cli("stylize", photo, "oil", "--lambda", exact, *QUICK).err
    shown = cli("inspect", photo.with_name("photo-oil.png"), "--command")
    assert f"--lambda {exact} " in shown.out.decode()
