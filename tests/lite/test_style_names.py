"""Style names as people type them are taken for the style, and nothing else is."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli import Stylizer
from diffstyler_cli.models.lite.styles import STYLE_BY_KEY, STYLES
from diffstyler_cli.models.lite.words import (
    Kind,
    _table,
    foreign_name,
    names_a_style,
    plain_letters,
    read_words,
    read_words_for_clip,
    vocabulary,
)

KNOWN = vocabulary()
OWN = [name for style in STYLES for name in (*style.names, *style.artists)]
FOREIGN = [
    (style, language, name)
    for style, languages in _table().items()
    for language, names in languages.items()
    for name in names
]


def test_every_style_has_a_name_in_at_least_ten_languages() -> None:
    assert list(_table()) == [style.key for style in STYLES]
    for style, languages in _table().items():
        assert len(languages) >= 10, style
        assert all(languages.values()), style


def test_no_name_stands_for_two_styles() -> None:
    styles = {(plain_letters(name), style) for style, _, name in FOREIGN}
    styles |= {(plain_letters(name), style.key) for style in STYLES for name in (*style.names, *style.artists)}
    counted = Counter(name for name, _ in styles)
    assert not [name for name, count in counted.items() if count > 1]


def test_the_vocabulary_is_the_encoders(stylizer: Stylizer) -> None:
    assert stylizer.components.encoder.vocabulary == KNOWN  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OWN)
def test_a_style_by_its_own_name_stays_as_it_is(name: str) -> None:
    for typed in (name, name.title(), name.upper()):
        assert read_words(typed, KNOWN).text == typed
        assert read_words_for_clip(typed, KNOWN).text == typed


@pytest.mark.parametrize(("style", "language", "name"), FOREIGN, ids=[f"{lang}-{name}" for _, lang, name in FOREIGN])
def test_a_name_in_another_language_is_the_style_with_and_without_accents(style: str, language: str, name: str) -> None:
    decomposed = unicodedata.normalize("NFD", name)
    bare = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    for typed in (name, name.upper(), decomposed, unicodedata.normalize("NFC", bare)):
        text = read_words(typed, KNOWN).text
        # "mosaik" may be no name in English, "pastel" is: what the encoder knows stays
        assert text == STYLE_BY_KEY[style].names[0] or set(plain_letters(typed).split()) <= KNOWN, typed
        assert names_a_style(typed)


def test_what_the_lite_models_are_told_is_in_their_words(stylizer: Stylizer) -> None:
    for _, _, name in FOREIGN:
        assert stylizer.components.encoder.unknown_words(read_words(name, KNOWN).text) == []


SPELT = {
    "Oil_Painting": "oil painting",
    "oil-painting": "oil painting",
    "oilpainting": "oil painting",
    "oil paintings": "oil painting",
    "water-colour": "watercolour",
    "Watercolors": "watercolor",
    "pencil sketches": "pencil sketch",
    "Cézanne": "cezanne",
    "ukiyoe": "ukiyo-e",
    "8bit": "8-bit",
    "oil paintings of dogs": "oil painting of dogs",
    "cat sketches": "cat sketch",
    "misty_morning, mosaic": "misty morning, mosaic",
}
SLIPS = {
    "oil paintng": "oil painting",
    "oli painting": "oil painting",
    "impresionism": "impressionism",
    "rembrant": "rembrandt",
    "van gough": "van gogh",
    "starry nigth": "starry night",
    "mosiac": "mosaic",
    "a misty oil paintng of a dog": "a misty oil painting of a dog",
    "dreamy watercolr": "dreamy watercolor",
    "waves by hokusia": "waves by hokusai",
}
LANGUAGES = {
    "Oelgemaelde": "oil painting",
    "peinture à l’huile": "oil painting",
    "Ölgemälde eines Hafens": "oil painting eines Hafens",
    "mosaico romano de un gato": "mosaic de un gato",
}
DOUBTS = {"munich": "munch", "manet": "monet", "expression": "expressionism", "carton": "cartoon"}
READINGS = {Kind.SPELLING: SPELT, Kind.SLIP: SLIPS, Kind.LANGUAGE: LANGUAGES, Kind.DOUBT: DOUBTS}
STAY = [
    "oil rig at dawn", "oil rig", "oil", "a carton of milk", "statue of liberty", "lapis lazuli", "misty morning",
    "a beautiful sight in woodcut", "woodcut of an itching dog", "a drawing of a drowning man", "cyberpunk",
    "disney style", "picasso", "glasses", "crayon", "dutch golden age", "munich at night", "a painting by manet",
]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant", "kind"),
    [(typed, meant, kind) for kind, table in READINGS.items() for typed, meant in table.items()],
)
def test_what_a_prompt_is_taken_for_and_why(typed: str, meant: str, kind: Kind) -> None:
    reading = read_words(typed, KNOWN)
    assert reading.text == meant
    assert {change.kind for change in reading.changes} <= {kind}


@pytest.mark.parametrize("text", STAY)
def test_a_free_prompt_is_left_alone(text: str) -> None:
    assert read_words(text, KNOWN).text == text
    assert read_words_for_clip(text, KNOWN).text == text


@pytest.mark.parametrize("typed", ["oil paintng", "impressionnism", "pixle art", "Starry nigth"])
def test_a_plain_slip_is_mended_for_clip_too(typed: str) -> None:
    assert read_words_for_clip(typed, KNOWN).text == read_words(typed, KNOWN).text != typed


CLIPS = ["Ölgemälde", "油絵", "oil paintings", "sketchy", "expression", "symbols", "cartoons", "a misty oil paintng"]


@pytest.mark.parametrize("typed", CLIPS)
def test_clip_is_left_its_own_words_and_languages(typed: str) -> None:
    assert read_words_for_clip(typed, KNOWN).text == typed


def test_an_english_name_is_known_for_one_in_another_language() -> None:
    assert foreign_name("Öl auf Leinwand") == "oil painting"
    assert foreign_name("oil painting") == foreign_name("harbour") == ""


PIECES = [*OWN, *(name for _, _, name in FOREIGN), *SPELT, *SLIPS, "of", "harbour", "misty"]
WORDS = st.lists(st.sampled_from(PIECES), max_size=4)


@given(WORDS.map(" ".join) | st.text())
def test_what_was_read_is_read_as_itself(text: str) -> None:
    once = read_words(" ".join(text.split()), KNOWN)
    if not once.has(Kind.DOUBT):
        assert read_words(once.text, KNOWN).text == once.text
    clip = read_words_for_clip(" ".join(text.split()), KNOWN)
    assert read_words_for_clip(clip.text, KNOWN).text == clip.text
