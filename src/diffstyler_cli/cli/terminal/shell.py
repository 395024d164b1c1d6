"""Command lines that a person can copy into a shell."""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections.abc import Iterable

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def unsafe(character: str) -> bool:
    """Whether a character could act on a terminal or hide text: controls, lone surrogates, direction overrides."""
    return character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def quoted(word: str, encoding: str = "utf-8") -> str:
    r"""One word for bash, zsh and fish; where it holds what cannot be shown, for bash and zsh: $'\x1b[31m'.

    What `encoding`, that of a stream, cannot carry, or carries as other bytes than the argument has, is written as the
    argument's bytes: $'\xe6\x97\xa5'.
    """
    if all(_shown(character, encoding) for character in word):
        return shlex.quote(word)
    return "$'" + "".join(_escaped(character, encoding) for character in word) + "'"


def joined(words: Iterable[str], encoding: str = "utf-8") -> str:
    """The words as one command line. It is a single line of printable characters of `encoding`, whatever they hold."""
    return " ".join(quoted(word, encoding) for word in words)


def _shown(character: str, encoding: str) -> bool:
    if unsafe(character):
        return False
    if character.isascii() or encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return True
    try:
        return character.encode(encoding) == _argument(character)
    except (UnicodeEncodeError, LookupError):
        return False


def _escaped(character: str, encoding: str) -> str:
    if character in "\\'":
        return "\\" + character
    if _shown(character, encoding):
        return character
    return "".join(f"\\x{byte:02x}" for byte in _argument(character))


def _argument(character: str) -> bytes:
    """The bytes that a command is given for a character. A text that this locale has no bytes for is UTF-8."""
    try:
        return os.fsencode(character)
    except UnicodeEncodeError:
        return character.encode("utf-8", "replace")
