"""A photo is found again by the name that its recipe holds, whatever characters or bytes that name has."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

NAMES = {
    "narrow no-break space": "Screenshot 9.41\u202fAM",
    "ideographic space": "a\u3000b",
    "no-break space": "a\xa0b",
    "joiner": "a\u200db",
    "line feed": "a\nb",
    "no UTF-8": os.fsdecode(b"caf\xe9"),
}


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
@pytest.mark.parametrize("stem", NAMES.values(), ids=NAMES)
def test_a_photo_is_found_by_its_name(cli: Any, photo: Path, stem: str, suffix: str) -> None:
    try:
        photo = photo.rename(photo.with_name(f"{stem}.png"))
    except OSError:
        pytest.skip("the file system takes no such name")
    assert cli("stylize", photo.name, "oil", "--seed", "1", "-o", f"out.{suffix}").code == 0
    shown = cli("inspect", f"out.{suffix}", "--command")
    assert shown.code == 0, shown.err
    assert "neither beside" not in shown.err
    replayed = cli("inspect", f"out.{suffix}", "--replay", "-o", "again.png")
    assert replayed.code == 0, replayed.err


@pytest.mark.parametrize("stem", ["Screenshot 9.41\u202fAM", "a\u3000b", "a\xa0b", "a\u200db"])
def test_the_command_that_is_shown_finds_the_photo(cli: Any, photo: Path, stem: str) -> None:
    photo = photo.rename(photo.with_name(f"{stem}.png"))
    assert cli("stylize", photo.name, "oil", "--seed", "1", "-o", "out.png").code == 0
    line = cli("inspect", "out.png", "--command", "-o", "again.png").out.decode()
    words = shlex.split(line)
    assert words[2] == photo.name
    assert cli(*words[1:]).code == 0


def test_a_prompt_in_an_ascii_locale(process: Any, photo: Path) -> None:
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    outcome = process("stylize", photo, "\u6d77\u306e\u6ce2", "--seed", "1", **locale)
    assert outcome.code == 0, outcome.err
    assert os.fsencode("photo-\u6d77\u306e\u6ce2.png") in os.listdir(os.fsencode(photo.parent))
