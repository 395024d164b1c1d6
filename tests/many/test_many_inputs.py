"""Which photos are meant, and what their pictures are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.batch.inputs import Photo, find_photos, lines_of, listed
from diffstyler_cli.batch.names import PLAIN, Template, check_names
from diffstyler_cli.errors import InputImageError, UsageError


def is_photo(name: str) -> bool:
    return name.endswith(".jpg")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.jpg",
        "b.jpg",
        "notes.txt",
        ".hidden.jpg",
        "sub/c.jpg",
        "sub/deep/d.jpg",
        ".dark/e.jpg",
        "out/f.jpg",
    ):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "tree"


def found(*words: str, **more: object) -> list[Photo]:
    return find_photos(words, is_photo, **more).photos  # type: ignore[arg-type]  # as find_photos


def test_of_a_folder_the_files_that_are_named_as_photos_and_not_hidden(tree: Path) -> None:
    there = find_photos(["tree"], is_photo)
    assert there.photos == [Photo("tree/a.jpg"), Photo("tree/b.jpg")]
    assert there.passed_over == 1


def test_folders_within_folders_are_mirrored_and_the_results_left_out(tree: Path) -> None:
    assert found("tree", recursive=True, but=Path("tree/out")) == [
        Photo("tree/a.jpg"),
        Photo("tree/b.jpg"),
        Photo("tree/sub/c.jpg", "sub"),
        Photo("tree/sub/deep/d.jpg", "sub/deep"),
    ]


def test_patterns_mirror_what_lies_below_their_fixed_part(tree: Path) -> None:
    assert found("tree/*.jpg") == [Photo("tree/a.jpg"), Photo("tree/b.jpg")]
    assert Photo("tree/sub/deep/d.jpg", "sub/deep") in found("tree/**/*.jpg")


def test_a_file_whose_name_is_like_a_pattern_is_that_file(tree: Path) -> None:
    (tree / "[a].jpg").touch()
    assert found("tree/[a].jpg") == [Photo("tree/[a].jpg")]


def test_each_photo_is_taken_once_in_the_order_in_which_it_is_named(tree: Path) -> None:
    assert [photo.path for photo in found("tree/b.jpg", "tree", "./tree/a.jpg")] == ["tree/b.jpg", "tree/a.jpg"]


@pytest.mark.parametrize("word", ["tree/.dark/..", "tree/*.gif", "empty"])
def test_a_folder_or_pattern_without_photos_is_refused(tree: Path, word: str) -> None:
    (tree.parent / "empty").mkdir()
    if word.startswith("tree/.dark"):
        word = "tree/sub/deep/../../.dark"
        (tree / ".dark" / "e.jpg").unlink()
    with pytest.raises(InputImageError):
        found(word)


def test_lists_have_lines_or_what_find_prints() -> None:
    assert listed(b"a b.jpg\r\n\n-x.jpg\n\xff.jpg") == ["a b.jpg", "-x.jpg", os.fsdecode(b"\xff.jpg")]
    assert listed(b"two\nlines.jpg\0b.jpg\0") == ["two\nlines.jpg", "b.jpg"]


@pytest.mark.parametrize("separator", [b"\n", b"\0"])
def test_a_stream_is_read_as_it_comes(separator: bytes) -> None:
    out, into = os.pipe()
    lines = lines_of(out)
    os.write(into, b"a.jpg" + separator + b"b")
    assert next(lines) == "a.jpg"
    os.write(into, b".jpg" + separator + separator + b"c.jpg")
    assert next(lines) == "b.jpg"
    os.close(into)
    assert list(lines) == ["c.jpg"]
    os.close(out)


def test_names_come_from_the_photo_the_words_the_seed_and_the_number() -> None:
    every = Template("{n}/{stem}_{suffix}_{prompt}_{seed}.{ext}")
    assert every.name("x/my photo.JPG", "oil painting", 7, "03", "webp") == "03/my photo_jpg_oil-painting_7.webp"


@pytest.mark.parametrize(
    "text", ["{x}", "{stem", "{stem!r}", "{n:04}", "../{stem}", "/{stem}", "a//b", "a\0b", "", "{}"]
)
def test_a_template_that_means_nothing_or_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Template(text)


@given(st.text(min_size=1, max_size=300), st.text(max_size=300))
def test_no_photo_and_no_prompt_leads_out_of_the_folder(photo: str, words: str) -> None:
    name = Template(PLAIN).name(photo, words, 1, "1", "png")
    assert "/" not in name
    assert "\0" not in name
    assert len(os.fsencode(name)) <= 255


def test_names_that_differ_in_case_alone_collide() -> None:
    with pytest.raises(UsageError, match="both be written"):
        check_names([("A.jpg", "out/A.png"), ("a.jpg", "out/a.png")], Template(PLAIN), lambda output: False)
    check_names([("a.jpg", "out/a.png"), ("b/a.jpg", "out/b/a.png")], Template(PLAIN), lambda output: False)
