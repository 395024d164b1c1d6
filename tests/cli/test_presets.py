"""`--preset NAME`: settings from the configuration file, under the rules of the options."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome

from diffstyler_cli.images.describe import describe

Cli = Callable[..., Outcome]

CONFIG = """
[preset.soft]
lambda = 0.7
t1 = "1.3x"
prompt_weight = 2
round-trip = true

[preset."sof tly"]
solver = "ddim"

[preset.unguided]
guidance-scale = 0

[preset.guided]
guide = "none"
prompt-weight = 3
"""


@pytest.fixture
def config(photo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = photo.parent / "config.toml"
    path.write_text(CONFIG)
    monkeypatch.setenv("DIFFSTYLER_CONFIG", str(path))
    return path


def settings(outcome: Outcome) -> dict[str, object]:
    assert outcome.code == 0, outcome.err
    found: dict[str, object] = json.loads(outcome.out)["results"][0]["settings"]
    return found


def test_a_preset_gives_its_settings_and_options_on_the_line_go_before_them(cli: Cli, config: Path) -> None:
    found = settings(cli("stylize", "photo.png", "oil", *QUICK, "--preset", "soft", "--t1", "1.5x", "--json"))
    assert (found["lam"], found["t1"], found["prompt_weight"], found["round_trip"]) == (0.7, "1.5x", 2.0, True)


def test_the_picture_and_its_command_need_no_preset(cli: Cli, config: Path) -> None:
    outcome = cli("stylize", "photo.png", "oil", *QUICK, "--preset", "soft", "--seed", "3", "-o", "a.png")
    (line,) = (line for line in outcome.err.splitlines() if line.startswith("Same again: "))
    words = shlex.split(line.removeprefix("Same again: "))
    assert "--preset" not in words
    config.write_text("")
    assert cli(*words[1:-2], "-o", "b.png").code == 0
    made, again = (describe(Path(name)).recipe for name in ("a.png", "b.png"))
    assert made is not None
    assert again is not None
    assert made["settings"] == again["settings"]
    assert made["settings"]["lam"] == 0.7


def test_a_sweep_varies_what_the_line_says_and_takes_the_rest_from_the_preset(cli: Cli, config: Path) -> None:
    arguments = ("--preset", "soft", "--lambda", "0,1", "-o", "s", "--dry-run", "--json")
    outcome = cli("sweep", "photo.png", "oil", *QUICK, *arguments)
    assert outcome.code == 0, outcome.err
    plan = json.loads(outcome.out)["plan"]
    assert plan["cells"] == 2
    assert plan["evaluations"]["photo"] > 0


@pytest.mark.parametrize(
    ("line", "preset", "left_out", "value"),
    [
        (("oil", "--guidance-scale", "0"), "guided", "guide", "art"),
        (("oil:4",), "guided", "prompt_weight", 1.4),
        (("oil", "--t1", "1.0x"), "soft", "round_trip", False),
    ],
)
def test_what_a_preset_gives_in_vain_is_left_out(
    cli: Cli, config: Path, line: tuple[str, ...], preset: str, left_out: str, value: object
) -> None:
    found = settings(cli("stylize", "photo.png", *line, *QUICK, "--preset", preset, "--json"))
    assert found[left_out] == value


def test_what_the_line_gives_in_vain_beside_a_preset_is_an_error(cli: Cli, config: Path) -> None:
    outcome = cli("stylize", "photo.png", "oil", "--preset", "unguided", "--guide", "none")
    assert outcome.code == 2
    assert "--guide has no effect with --guidance-scale 0" in outcome.err


@pytest.mark.parametrize("command", ["stylize", "sweep"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[preset.x]\nlambda = 3", "preset.x: --lambda 3 is outside [0, 1]"),
        ("[preset.x]\nlambda = nan", "preset.x: --lambda nan is outside"),
        ("[preset.x]\nlambda = '0:1:0.5'", "preset.x: --lambda '0:1:0.5' is not a number"),
        ("[preset.x]\nlambda = [0, 1]", "preset.x: lambda is a number, or a text in quotes"),
        ("[preset.x]\nlambda = 2026-01-01", "preset.x: lambda is a number, or a text in quotes"),
        ("[preset.x]\nsteps = 2.5", "preset.x: --steps '2.5' is not a whole number"),
        ("[preset.x]\nt1 = 'soon'", "preset.x: --t1 'soon' is neither"),
        ("[preset.x]\nsolver = 'euler'", "preset.x: --solver 'euler' is not one of iplms"),
        ("[preset.x]\ndevice = 'tpu'", "preset.x: --device 'tpu' is not one of"),
        ("[preset.x]\nround-trip = 1", "preset.x: round-trip is true or false"),
        ("[preset.x]\nsteps = true", "preset.x: steps is a number, or a text in quotes"),
        ("[preset.x]\nlambd = 0.5", "Did you mean lambda?"),
        ("[preset.x]\nprompt = 'oil'", "'prompt' is no setting that a preset can hold"),
        ("[preset.x]\nprompt-weight = 1\nprompt_weight = 2", "is there twice"),
        ("[preset.x.y]\nz = 1", "'y' is no setting"),
        ("[preset]\nx = 3", "preset: x is a table, written [x]"),
        ("preset = 3", "preset is a table"),
        ("[preset.y]", "Presets: 'y'"),
        ("[preset.xx]", "Did you mean 'xx'?"),
        ("[presets.x]", "no setting 'presets'; known: weights, cache, preset"),
        ("", "has no presets"),
        ("[preset.x", "cannot be read"),
    ],
)
def test_a_preset_that_cannot_be_used_is_two_lines_that_name_file_and_key(
    cli: Cli, config: Path, command: str, content: str, message: str
) -> None:
    config.write_text(content)
    outcome = cli(command, "photo.png", "oil", "--preset", "x")
    assert (outcome.code, outcome.out) == (2, b"")
    assert message in outcome.err
    assert str(config) in outcome.err
    assert len(outcome.err.splitlines()) == 2
    assert not list(config.parent.glob("photo-*"))


def test_without_a_configuration_file_the_error_says_where_it_would_be(
    cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(photo.parent / "none"))
    outcome = cli("stylize", "photo.png", "oil", "--preset", "soft")
    assert outcome.code == 2
    assert f"{photo.parent}/none/diffstyler/config.toml does not exist" in outcome.err
    assert "[preset.soft]" in outcome.err


def test_names_of_presets_are_shown_safely(cli: Cli, config: Path) -> None:
    config.write_text('[preset."\\u001b[31m\\u202e"]\nlambda = 9\n')
    for arguments in (("--preset", "x"), ("--preset", "\x1b[31m\u202e")):
        outcome = cli("stylize", "photo.png", "oil", *arguments)
        assert outcome.code == 2
        assert "\x1b" not in outcome.err
        assert "\u202e" not in outcome.err


def test_the_log_has_no_passwords_of_the_environment(cli: Cli, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFSTYLER_ART_SOURCE", "https://me:secret@h.example/a.pth")
    assert cli("stylize", "photo.png", "oil", *QUICK, "--log-file", "log.txt").code == 0
    log = Path("log.txt").read_text()
    assert "DIFFSTYLER_ART_SOURCE=https://h.example/a.pth" in log
    assert "secret" not in log
