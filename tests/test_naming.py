from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.naming import slug


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oil Painting!", "oil-painting"),
        ("ukiyo-e  print", "ukiyo-e-print"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "style"),
        ("🎨", "style"),
        ("", "style"),
        ("浮世絵", "浮世絵"),
        ("Ölgemälde", "ölgemälde"),
        ("O\u0308l", "öl"),
        ("हिन्दी चित्र", "हिन्दी-चित्र"),
        ("con\u202etrol\u200d", "control"),
        ("a\0b\nc", "a-b-c"),
        ("ｆｕｌｌ", "full"),
        ("\ud800x", "x"),
        ("--rm -rf", "rm-rf"),
        ("a" * 200, "a" * 80),
        ("word " * 30, "-".join(["word"] * 16)),
        ("絵" * 40, "絵" * 26),
    ],
)
def test_slugs_show_the_text_and_nothing_dangerous(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(max_size=400))
def test_a_slug_is_always_a_plain_file_name(text: str) -> None:
    name = slug(text)
    assert 0 < len(name.encode()) <= 80
    assert not set(name) & set('/\\.:*?"<>|\0\n ')
    assert name == name.strip("-")
