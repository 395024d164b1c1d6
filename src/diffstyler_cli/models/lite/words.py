"""Style names as people type them: other languages, accents, plurals, hyphens, slips of the finger. Imports no torch.

What a prompt is taken for is text again, in words that the encoder knows, so that whoever reads it later makes the same
picture of it. A word that the encoder knows is never changed.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .architecture import WEIGHTS
from .styles import STYLE_BY_KEY, STYLES

TABLE = Path(__file__).with_name("names.toml")

MOST_TOKENS = 100
"""Words of a prompt that is read at all; no encoder looks at so many."""
MOST_WORDS = 5
"""Of a name within a longer prompt."""
ALONE = 8
"""Letters of another language's name that is a single word of plain letters, for it to count within a longer prompt:
shorter ones are words of English, too ("lapis lazuli", "a crayon")."""
SURE, SURE_TWICE = 7, 11
"""Letters from which a name with one slip, with two, is taken for it without a question."""
SURE_FOR_CLIP = 8
"""Likewise for CLIP, which knows more words that are somewhat like a name."""
LIKE = 0.75
"""Likeness (difflib's ratio) from which a person is asked."""

_WORD = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


class Kind(Enum):
    """Why something is taken for something else."""

    SPELLING = "another spelling of the same name"
    LANGUAGE = "a name in another language"
    SLIP = "a name with a slip"
    DOUBT = "somewhat like a name: for a person to say"


@dataclass(frozen=True)
class Change:
    """A part of a prompt and what it is taken for."""

    typed: str
    meant: str
    kind: Kind
    likeness: float = 1.0


@dataclass(frozen=True)
class Reading:
    """A prompt's text as it is to be used. Where a change is a doubt, `text` has it and the caller asks."""

    text: str
    changes: tuple[Change, ...] = ()

    def has(self, kind: Kind) -> bool:
        """Whether some change is of this kind."""
        return any(change.kind is kind for change in self.changes)


@dataclass(frozen=True)
class _Name:
    text: str
    """In the encoder's own words."""
    style: str
    own: bool
    """Whether it is one of styles.py's, rather than another language's."""


def read_words(text: str, vocabulary: Collection[str]) -> Reading:
    """What the lite models are to be told for `text`, whose white space is collapsed.

    `vocabulary` holds the words that their encoder knows.
    """
    tokens = list(_WORD.finditer(text))
    unknown = {i for i, token in enumerate(tokens) if len(token[0]) > 1 and token[0].lower() not in vocabulary}
    whole = _whole(text, varied=bool(unknown))
    if whole is not None:
        return whole
    plain = " ".join(text.replace("_", " ").split())
    if not unknown or len(tokens) > MOST_TOKENS:
        return Reading(plain)
    tokens = list(_WORD.finditer(plain))
    found = _slip(plain, alone=True)
    if found is not None:
        return Reading(found.meant, (found,))
    parts, changes, done = [], [], 0
    for start, end, change in _inside(plain, tokens, unknown, vocabulary):
        parts += [plain[done:start], change.meant]
        changes.append(change)
        done = end
    if changes:
        return Reading("".join([*parts, plain[done:]]), tuple(changes))
    found = _doubt(plain)
    return Reading(plain) if found is None else Reading(found.meant, (found,))


def read_words_for_clip(text: str, vocabulary: Collection[str]) -> Reading:
    """What CLIP is to be told: it knows many words and languages, so only a plain slip in a style's name is mended.

    `vocabulary` is the lite encoder's: words that are surely no slips.
    """
    plain = " ".join(text.replace("_", " ").split())
    names = _names()
    surely = all(len(word) == 1 or word in vocabulary for word in plain.lower().split())
    if surely or any(key in names for key in _keys(plain)):
        return Reading(plain)
    found = _slip(plain, alone=False)
    own = found is not None and any(found.meant in style.names for style in STYLES)
    if found is None or not own or len(plain) < SURE_FOR_CLIP:
        return Reading(plain)
    return Reading(found.meant, (found,))


def foreign_name(text: str) -> str:
    """The English name of a style for its name in another language; "" where `text` is no such name."""
    name = _names().get(_key(text))
    return "" if name is None or name.own else name.text


def in_other_languages(style: str) -> dict[str, list[str]]:
    """The names of a style, by its key, in each language (ISO 639-1)."""
    return _table()[style]


def names_a_style(text: str) -> bool:
    """Whether `text` as a whole is a style's name, in whatever spelling or language."""
    return any(key in _names() for key in _keys(text))


@functools.cache
def vocabulary(encoder: Path = WEIGHTS / "encoder.safetensors") -> frozenset[str]:
    """The words that the encoder in a file of lite weights has learnt; none where the file does not say."""
    try:
        with encoder.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            facts = json.loads(file.read(min(size, 1 << 20))).get("__metadata__", {})
        return frozenset(str(facts.get("vocabulary", "")).split())
    except (OSError, ValueError, AttributeError):  # the loading of it says what is wrong
        return frozenset()


def plain_letters(text: str) -> str:
    """`text` in small letters without accents, words one space apart, all else left out."""
    small = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    bare = "".join(c for c in unicodedata.normalize("NFKD", small) if not "\u0300" <= c <= "\u036f")
    return " ".join(_WORD.findall(unicodedata.normalize("NFC", bare)))


# --- names -----------------------------------------------------------------------------------------------------------
@functools.cache
def _names() -> dict[str, _Name]:
    """Every name by its key; those of styles.py win."""
    names: dict[str, _Name] = {}
    for style, languages in _table().items():
        first = STYLE_BY_KEY[style].names[0]
        for language, words in languages.items():
            for word in words:
                names[_key(word)] = _Name(first, style, False)
                if language == "de":
                    names[_key(word.casefold().translate(_UMLAUTS))] = _Name(first, style, False)
    for each in STYLES:
        for word in (*each.names, *each.artists):
            names[_key(word)] = _Name(word, each.key, True)
    return names


@functools.cache
def _table() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def _key(text: str) -> str:
    return plain_letters(text).replace(" ", "")


def _keys(text: str) -> Iterator[str]:
    """The key of a text, then those of its singular and plural."""
    words = plain_letters(text).split()
    yield "".join(words)
    if words and words[-1].isascii():
        *before, last = words
        for ending in ("es", "s"):
            if last.endswith(ending) and len(last) > len(ending) + 2:
                yield "".join([*before, last.removesuffix(ending)])
        yield "".join([*before, last, "s"])


def _whole(text: str, *, varied: bool) -> Reading | None:
    """The reading of a text that is a name, in some spelling, else None. `varied`: plural and singular, too."""
    small = text.lower()
    if any(small in (*style.names, *style.artists) for style in STYLES):
        return Reading(text)
    for key in _keys(text) if varied else [_key(text)]:
        name = _names().get(key)
        if name is not None:
            kind = Kind.SPELLING if name.own else Kind.LANGUAGE
            return Reading(name.text, (Change(text, name.text, kind),))
    return None


# --- names within a longer prompt ------------------------------------------------------------------------------------
def _inside(
    text: str, tokens: list[re.Match[str]], unknown: set[int], vocabulary: Collection[str]
) -> Iterator[tuple[int, int, Change]]:
    """Start, end and change of each name, or plural, that a prompt has among its other words, from left to right."""
    first = 0
    while first < len(tokens):
        spans = []
        for last in range(min(first + MOST_WORDS, len(tokens)) - 1, first - 1, -1):
            start, end = tokens[first].start(), tokens[last].end()
            if not unknown.isdisjoint(range(first, last + 1)) and not re.search(r"[,;:.!?]", text[start:end]):
                spans.append((last, start, end))
        found = [(last, start, end, _exactly(text[start:end])) for last, start, end in spans]  # the longest first
        if first in unknown:
            last, start, end = spans[-1]
            found.append((last, start, end, _singular(text[start:end], vocabulary)))
        slips = [(last, start, end, _slip(text[start:end], alone=False)) for last, start, end in spans]
        found += sorted(slips, key=lambda row: row[3].likeness if row[3] else 0.0, reverse=True)
        done = next((row for row in found if row[3] is not None), None)
        if done is not None and done[3] is not None:
            yield done[1], done[2], done[3]
            first = done[0]
        first += 1


def _singular(word: str, vocabulary: Collection[str]) -> Change | None:
    """A known word of which `word` is the plural."""
    small = word.lower()
    ending = "es" if small.endswith(("ches", "shes")) else "s"
    one = small.removesuffix(ending)
    return Change(word, one, Kind.SPELLING) if len(one) > 2 and one != small and one in vocabulary else None


def _exactly(text: str) -> Change | None:
    for key in _keys(text):
        name = _names().get(key)
        if name is not None and (name.own or " " in text or not text.isascii() or len(text) >= ALONE):
            return Change(text, name.text, Kind.SPELLING if name.own else Kind.LANGUAGE)
    return None


# --- slips -----------------------------------------------------------------------------------------------------------
def _slip(text: str, *, alone: bool) -> Change | None:
    """The one name that `text` must have been meant for: a letter wrong, missing, too much or changed over, two in long
    ones. Within a longer prompt (not `alone`) the first letter has to be right."""
    key = _key(text)
    likely = []
    for other, name in _names().items():
        short, apart = min(len(key), len(other)), abs(len(key) - len(other))
        if apart > 2 or short < 5 or not (alone or key[:1] == other[:1]):
            continue
        swapped = short >= (5 if alone else SURE) and sorted(key) == sorted(other)
        slips = 2 if short >= SURE_TWICE else 1 if short >= SURE else 0
        if not swapped and apart > slips:
            continue
        least = LIKE if swapped else 2 * (short - slips + apart) / (len(key) + len(other))
        likeness = _likeness(key, other)
        if (swapped or slips) and likeness >= least - 1e-9:
            likely.append((likeness, name))
    return _best(text, likely, Kind.SLIP)


def _doubt(text: str) -> Change | None:
    """The name that a whole prompt is somewhat like."""
    key = _key(text)
    if len(key) < 4:
        return None
    likely = [
        (_likeness(key, other), name)
        for other, name in _names().items()
        if name.own and abs(len(key) - len(other)) <= 3
    ]
    return _best(text, [pair for pair in likely if pair[0] >= LIKE], Kind.DOUBT)


def _likeness(key: str, other: str) -> float:
    matcher = difflib.SequenceMatcher(None, key, other, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= LIKE else 0.0


def _best(text: str, likely: list[tuple[float, _Name]], kind: Kind) -> Change | None:
    """The likest name; none where one of another style is as like."""
    if not likely:
        return None
    likeness, name = max(likely, key=lambda pair: (pair[0], pair[1].own))
    if any(other.style != name.style and likeness - like < 0.02 for like, other in likely):
        return None
    return Change(text, name.text, kind, likeness)
