from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.cli.options import arguments, parse
from diffstyler_cli.cli.stylize import menu as interactive
from diffstyler_cli.cli.stylize.request import Request
from diffstyler_cli.cli.terminal.ask import unquoted
from diffstyler_cli.cli.terminal.console import escaped
from diffstyler_cli.config import default_of, options

NAMES = sorted(name for name in options() if name not in ("t1", "round_trip", "size"))


def request(**settings: Any) -> Request:
    return Request("photo.png", ("oil painting",), settings=settings)


@given(st.sampled_from(NAMES), st.data())
def test_settings_survive_the_way_through_the_command_line(name: str, data: st.DataObject) -> None:
    option, default = options()[name], default_of(name)
    if option.choices:
        value: Any = data.draw(st.sampled_from(option.choices))
    elif option.takes:
        value = data.draw(st.sampled_from(["sd15", "owner/name@main", "./a folder"]))
    elif isinstance(default, float):
        value = data.draw(st.floats(option.low, option.high))
    else:
        value = data.draw(st.integers(int(option.low or 0), int(option.high or 0)))
    flag, text = arguments({name: value})
    assert flag == option.flag
    assert parse(name, text) == value


def test_the_command_line_is_quoted_for_a_shell() -> None:
    asked = Request(
        "my photo.png", ("it's [red]", "blue:2"), ("a b.jpg:2",), {"lam": 0.5, "round_trip": True}, output="o.png"
    )
    assert shlex.split(asked.command_line()) == [
        *("diffstyler", "stylize", "my photo.png", "it's [red]", "blue:2", "--style-image", "a b.jpg:2"),
        *("--lambda", "0.5", "--round-trip", "-o", "o.png"),
    ]


@given(st.text(max_size=40))
def test_shown_text_is_one_line_without_control_characters(text: str) -> None:
    line = escaped(text)
    assert "\n" not in line
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066" for c in line)
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("change", "settings", "changed"),
    [
        (interactive.stronger, {}, {"strength": 0.7}),
        (interactive.stronger, {"strength": 0.9, "t1": "60"}, {"strength": 1.0}),
        (interactive.stronger, {"strength": 1.0}, {}),
        (interactive.weaker, {}, {"strength": 0.3}),
        (interactive.weaker, {"strength": 0.0}, {}),
        (interactive.more_content, {}, {"w_content": 200.0, "t1": "1.3x"}),
        (interactive.more_content, {"guidance_scale": 0.0}, {"t1": "1.3x"}),
    ],
)
def test_what_a_menu_row_changes(change: interactive.Change, settings: dict[str, Any], changed: dict[str, Any]) -> None:
    before = request(**settings)
    after = change(before, before.config("lite"))
    assert {k: v for k, v in after.settings.items() if before.settings.get(k) != v} == changed


@pytest.mark.parametrize("typed", ["'a b.png'", "a\\ b.png", " a b.png ", '"a b.png"', "a b.png"])
def test_paths_may_be_dropped_in_by_a_file_manager(photo: Path, typed: str) -> None:
    photo.rename(photo.parent / "a b.png")
    assert unquoted(typed) == "a b.png"
