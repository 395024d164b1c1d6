"""How texts and numbers are written where a person or a program reads them back: in file names, on command lines."""

from __future__ import annotations

import re
import unicodedata

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
        cut = name.encode()[: longest + 1].decode(errors="ignore")
        head = cut.rpartition("-")[0]
        name = head if head else cut.encode()[:longest].decode(errors="ignore")
    return name or "style"


def cut(text: str, longest: int = 60) -> str:
    """`text` in quotes, for a message: two lines are two lines, however long an argument is."""
    return repr(text) if len(text) <= longest else f"{text[:longest]!r}... ({len(text):,} characters)"


def exact(value: float) -> str:
    """The shortest text that is read back as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
