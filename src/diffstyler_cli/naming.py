"""How texts and numbers are written where a person or a program reads them back: in file names, on command lines."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable

SLUG_BYTES = 80
"""Longest slug in UTF-8 bytes: with a photo's name before it, a file name stays under the usual limit of 255."""


def slug(text: str, longest: int = SLUG_BYTES) -> str:
    """A part of a file name that shows `text`: letters, marks and digits of any script, everything else a single "-".

    Never empty ("style" then), at most `longest` UTF-8 bytes, cut between words where possible. It holds no separator,
    dot, control or invisible character, so a prompt cannot lead out of a folder.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).lower())
    visible = (c for c in folded if unicodedata.category(c) != "Cf")
    words = "".join(c if unicodedata.category(c)[0] in "LMN" else "-" for c in visible)
    name = re.sub(r"-+", "-", words).strip("-")
    if len(name.encode()) > longest:
        name = beginning(name, longest + 1).rpartition("-")[0] or beginning(name, longest)
    return name or "style"


def beginning(text: str, longest: int) -> str:
    """The first characters of `text` that together have at most `longest` UTF-8 bytes."""
    room = longest
    for index, character in enumerate(text):
        room -= len(character.encode("utf-8", "surrogateescape"))
        if room < 0:
            return text[:index]
    return text


def text_of(name: str) -> str:
    """What a file's name says, the same in every locale: its bytes as UTF-8, others as lone surrogates."""
    return _recoded(name, os.fsencode, lambda raw: raw.decode("utf-8", "surrogateescape"))


def name_of(text: str) -> str:
    """The other way: how Python names the file, in this locale, whose name says `text`."""
    return _recoded(text, lambda text: text.encode("utf-8", "surrogateescape"), os.fsdecode)


def _recoded(text: str, encode: Callable[[str], bytes], decode: Callable[[bytes], str]) -> str:
    if os.name != "posix":  # names are Unicode there
        return text
    try:
        return decode(encode(text))
    except UnicodeEncodeError:  # no file has such a name
        return text


def cut(text: str, longest: int = 60) -> str:
    """`text` in quotes, for a message: two lines are two lines, however long it is; addresses without secrets."""
    text = without_secrets(text)
    return repr(text) if len(text) <= longest else f"{text[:longest]!r}... ({len(text):,} characters)"


def exact(value: float) -> str:
    """The shortest text that is read back as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/?#\s]*@")
_SECRET = re.compile(r"(?i)([?&][\w.%-]*(?:sig|token|secret|passw|credential|key|auth)[\w.%-]*=)[^&#\s]+")


def without_secrets(text: str) -> str:
    """`text` without what the addresses in it hold of names and passwords, and of keys and signatures as parameters."""
    return _SECRET.sub(r"\1...", _USERINFO.sub(r"\1", text)) if "://" in text else text
