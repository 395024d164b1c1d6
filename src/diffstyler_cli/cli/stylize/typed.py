"""What else a prompt could be that somebody typed: nothing at all, a picture's name, a word of a longer one, a slip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...config import MachineConfig
from ...errors import UsageError
from ...models.lite.words import plain_letters, read_words, read_words_for_clip, vocabulary
from ...naming import cut
from ...prompts import Prompt, parse_prompt
from ..terminal.ask import IMAGE_SUFFIXES

_SMALL = frozenset(("a", "an", "of", "in", "the", "by", "and"))
"""Words that say nothing alone."""


def check_words(prompts: Sequence[str]) -> None:
    """Raises `UsageError` for the first prompt that says nothing: signs alone, a lone letter, articles."""
    for prompt in map(parse_prompt, prompts):
        if _says_nothing(prompt.text):
            raise no_word(prompt)


def no_word(prompt: Prompt) -> UsageError:
    """The error of a prompt without any word."""
    return UsageError(
        f"The prompt {cut(prompt.text)} has no word in it.", 'Say the style in words, as in "oil painting".'
    )


def _says_nothing(text: str) -> bool:
    words = plain_letters(text).split()
    return all(word in _SMALL for word in words) or (len(words) == 1 and len(text) == 1 and text.isascii())


def is_picture_name(text: str) -> bool:
    """Whether `text` is the name of a picture: of one that is there, or as photos are named."""
    return is_photo_like(text) or (os.path.isfile(text) and _holds_a_picture(text))


def is_photo_like(text: str) -> bool:
    """Whether `text` ends as photos' names do."""
    return Path(text).suffix.lower() in IMAGE_SUFFIXES


def forgotten_quotes(prompts: Sequence[str]) -> str:
    """The one prompt whose words these may be: several, of which the last alone may have a weight; "" otherwise."""
    single = [len(parse_prompt(prompt).text.split()) == 1 for prompt in prompts]
    if len(prompts) < 2 or not all(single) or any(":" in prompt for prompt in prompts[:-1]):
        return ""
    return " ".join(prompts)


def is_read_otherwise(prompt: str, machine: MachineConfig) -> bool:
    """Whether a command line with this prompt would be taken for another, refused or asked about, unless --as-typed."""
    text = parse_prompt(prompt).text
    readings = [read_words_for_clip(text, vocabulary())] if machine.models != "lite" else []
    readings += [read_words(text, vocabulary())] if machine.likely_set != "full" else []
    return any(reading.text != text for reading in readings) or is_picture_name(text) or _says_nothing(text)


def _holds_a_picture(path: str) -> bool:
    from PIL import Image

    try:
        with Image.open(path):
            return True
    except Exception:  # whatever is wrong with it, it is not known to be a picture
        return False
