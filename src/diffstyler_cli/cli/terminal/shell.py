"""Command lines that a person can copy into a shell."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def unsafe(character: str) -> bool:
    """Whether a character could act on a terminal or hide text: controls, lone surrogates, direction overrides."""
    return character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def quoted(word: str) -> str:
    r"""One word for bash, zsh and fish; where it holds unsafe characters, for bash and zsh: $'\x1b[31m'."""
    if not any(map(unsafe, word)):
        return shlex.quote(word)
    return "$'" + "".join(_escaped(c) for c in word) + "'"


def joined(words: Iterable[str]) -> str:
    """The words as one command line. It is a single line of printable characters, whatever they hold."""
    return " ".join(map(quoted, words))


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if not unsafe(character):
        return character
    raw = character.encode("utf-8", "surrogateescape") if _is_byte(character) else character.encode("utf-8", "replace")
    return "".join(f"\\x{byte:02x}" for byte in raw)


def _is_byte(character: str) -> bool:
    """A lone surrogate that stands for a byte of a file name which is not UTF-8."""
    return "\udc80" <= character <= "\udcff"
