from __future__ import annotations

import io
import json
import random
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from image_files import GREY, check_message, gradient, png_chunk, png_file, saved
from PIL import Image

from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import encode_image, read_image, read_recipe, write_image
from diffstyler_cli.recipe import SCHEMA

FORMATS = ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"]
RECIPE: dict[str, Any] = {
    "schema": SCHEMA,
    "prompts": ["oil painting", "浮世絵 🌊", 'масло\nи \\ "кавычки" \0', "زيت", "\u202e", "\ufeff", "𝔘", "\udcff"],
    "config": {"lam": 0.8, "seed": 2**63 - 1, "none": None, "yes": True},
}


def long_recipe(numbers: int) -> dict[str, Any]:
    draw = random.Random(0)
    return {**RECIPE, "steps": [{"total": draw.random()} for _ in range(numbers)]}


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "tiff"])
def test_a_recipe_comes_back_in_any_script(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_image(gradient(), path, RECIPE)
    assert read_recipe(path) == read_recipe(path.read_bytes()) == read_recipe(str(path)) == RECIPE
    assert read_image(path).notes == []


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4), st.sampled_from(FORMATS))
def test_any_json_comes_back(content: dict[str, Any], format: str) -> None:
    recipe = {**content, "schema": SCHEMA}
    assert read_recipe(encode_image(gradient(4, 4), format, recipe)) == recipe


@pytest.mark.parametrize("format", FORMATS)
def test_what_json_lacks_never_stops_a_picture_from_being_saved(format: str) -> None:
    recipe = {
        "nan": float("nan"),
        "list": (1, float("inf"), np.float32(0.5), np.int64(3)),
        "path": Path("a/b"),
        "other": {1: Fraction(1, 2), "object": object},
    }
    assert read_recipe(encode_image(gradient(), format, recipe)) == {
        "schema": SCHEMA,
        "nan": None,
        "list": [1, None, 0.5, 3],
        "path": "a/b",
        "other": {"1": 0.5, "object": "<class 'object'>"},
    }


@pytest.mark.parametrize("format", FORMATS)
def test_no_recipe_is_none_and_no_image_an_error(format: str) -> None:
    assert read_recipe(encode_image(gradient(), format)) is None
    assert read_recipe(saved(gradient(), "GIF")) is None
    for source in (b"", b"hello", Path("no.png"), encode_image(gradient(), "PNG")[:60]):
        with pytest.raises(InputImageError):
            read_recipe(source)


# --- room ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "tiff"])
def test_a_recipe_of_100_kb_comes_back_whole(tmp_path: Path, suffix: str) -> None:
    recipe = long_recipe(3200)
    assert 90_000 < len(json.dumps(recipe)) < 110_000
    assert write_image(gradient(), tmp_path / f"a.{suffix}", recipe) == []
    assert read_recipe(tmp_path / f"a.{suffix}") == recipe


@pytest.mark.parametrize("suffix", ["png", "webp", "avif", "tiff"])
def test_all_but_jpeg_hold_megabytes(tmp_path: Path, suffix: str) -> None:
    recipe = long_recipe(60_000)
    assert write_image(gradient(), tmp_path / f"a.{suffix}", recipe) == []
    assert read_recipe(tmp_path / f"a.{suffix}") == recipe
    assert read_image(tmp_path / f"a.{suffix}").original_size == (24, 16)


def test_a_jpeg_gives_up_the_steps_first_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    (note,) = write_image(gradient(), path, long_recipe(20_000))
    assert "step-by-step" in note
    assert read_recipe(path) == RECIPE
    prompt = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=120_000))
    (note,) = write_image(gradient(), path, {"prompts": [prompt]}, force=True)
    assert "left out" in note
    assert read_recipe(path) is None
    assert read_image(path).original_size == (24, 16)


# --- hostile ---------------------------------------------------------------------------------------------------------


def with_comment(comment: bytes, format: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x8769] = {0x9286: comment}
    return saved(gradient(8, 8), format, exif=exif)


def with_text(kind: bytes, data: bytes) -> bytes:
    return png_file(b"\0\0\0", 1, 1, GREY, extra=png_chunk(kind, data))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'"schema"',
        b"{}",
        b'{"schema": 1}',
        b'{"schema": "other/1"}',
        b'{"schema": ["diffstyler/1"]}',
        b'{"schema":"diffstyler/1",',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema":"diffstyler/1","x":' + b"9" * 5000 + b"}",
        b'{"a":' * 20_000,
    ],
)
def test_damaged_or_foreign_recipes_are_none(text: bytes) -> None:
    assert read_recipe(with_text(b"tEXt", b"diffstyler\0" + text)) is None
    assert read_recipe(with_text(b"iTXt", b"diffstyler\0\0\0\0\0" + text)) is None
    assert read_recipe(with_comment(b"\0" * 8 + b"zlib:" + zlib.compress(text))) is None
    if len(text) < 60_000:
        assert read_recipe(with_comment(b"ASCII\0\0\0" + text)) is None


def test_a_packed_bomb_is_none() -> None:
    assert read_recipe(with_comment(b"\0" * 8 + b"zlib:" + zlib.compress(b" " * 40_000_000, 9))) is None
    assert read_recipe(with_comment(b"\0" * 8 + b"zlib:not zlib")) is None


def test_a_later_schema_of_ours_is_shown_as_it_is() -> None:
    later = {"schema": "diffstyler/2", "new": 1}
    assert read_recipe(encode_image(gradient(), "PNG", later)) == later


def test_a_recipe_behind_the_pixels_is_found() -> None:
    data = encode_image(gradient(), "PNG")
    text = png_chunk(b"iTXt", b"diffstyler\0\0\0\0\0" + json.dumps(RECIPE).encode())
    assert read_recipe(data[:-12] + text + data[-12:]) == RECIPE


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=120), st.sampled_from([b"tEXt", b"iTXt", b"zTXt", b"eXIf"]))
@example(b"diffstyler\0\0\0\0\0{}", b"iTXt")
def test_hostile_text_never_crashes(data: bytes, kind: bytes) -> None:
    for content in (data, b"diffstyler\0" + data):
        try:
            assert read_recipe(with_text(kind, content)) is None
        except InputImageError as error:
            check_message(error)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=120), st.sampled_from(["JPEG", "WEBP"]))
def test_hostile_exif_never_crashes(data: bytes, format: str) -> None:
    for exif in (
        b"Exif\0\0" + data,
        b"Exif\0\0MM\0*\0\0\0\x08" + data,
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87" + data,
    ):
        try:
            assert read_recipe(saved(gradient(4, 4), format, exif=exif)) is None
        except InputImageError as error:
            check_message(error)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from([encode_image(gradient(4, 4), f, RECIPE) for f in FORMATS]),
    st.lists(st.tuples(st.integers(0, 2**12), st.integers(0, 255)), max_size=6),
)
def test_a_damaged_file_has_a_recipe_or_none_or_is_refused(seed: bytes, edits: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for place, value in edits:
        data[place % len(data)] = value
    try:
        recipe = read_recipe(io.BytesIO(bytes(data)).getvalue())
    except InputImageError as error:
        check_message(error)
    else:
        assert recipe is None or isinstance(recipe["schema"], str)
