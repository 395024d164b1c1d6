"""Prompts and style images as typed on a command line: `text`, `text:2.5`, `path:2`."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .config import options
from .errors import UsageError
from .naming import cut, exact
from .remote import local

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)

_HOST = re.compile(r"//(?:\[[^\s\]]*\]|[^\s/:]+)$")
_PORT = re.compile(r"\d{1,5}", re.ASCII)


@dataclass(frozen=True)
class Prompt:
    """What to paint, and its guidance weight w_k; None stands for the run's `prompt_weight`."""

    text: str
    weight: float | None = None


@dataclass(frozen=True)
class StyleImage:
    """An image whose style is asked for, and its guidance weight; None stands for the run's `prompt_weight`."""

    path: Path
    weight: float | None = None


def parse_prompt(argument: str) -> Prompt:
    """Read `text` or `text:weight`.

    Only a number after the last colon is a weight, so "a portrait: oil" is all text. A colon at the very end says "no
    weight", which is how a text that ends in a colon and a number is written: "aspect 4:3:". The port of an address is
    text: "http://localhost:8080". White space is collapsed.

    Raises `UsageError` for an empty text and for a weight that is not finite or out of the range of --prompt-weight.
    """
    text, weight = _split(argument)
    text = " ".join(text.split())
    if not text:
        raise UsageError("A prompt is empty.", 'Say what the picture should look like, as in "oil painting".')
    return Prompt(text, weight)


def parse_style_image(argument: str) -> StyleImage:
    """Read `path` or `path:weight` by the rules and with the errors of `parse_prompt`; the file need not exist.

    An argument that is as a whole the name of a file is that path, whatever its name ends in.
    """
    argument = path_of(argument)
    if os.path.isfile(argument):
        return StyleImage(Path(argument))
    path, weight = _split(argument)
    if not path.strip():
        raise UsageError("A style image's path is empty.", "Give a file, as in --style-image painting.jpg:2.")
    return StyleImage(Path(path), weight)


def path_of(text: str) -> str:
    """The path that `text` names: with the home folder for "~", and without the form of a file:// address.

    What is as a whole the name of a file is that path. A `Path` may have taken slashes from an address before.
    """
    path = local(text)
    if path != text:
        return path
    try:
        return os.path.expanduser(text)
    except ValueError:  # a null byte, as a recipe may have it: a name of nothing
        return text


def render_prompt(prompt: Prompt) -> str:
    """The argument that `parse_prompt` reads as `prompt`, whose white space is taken as collapsed."""
    if prompt.weight is not None:
        weight = exact(prompt.weight)
        space = " " if _is_port(prompt.text, weight) else ""
        return f"{prompt.text}{space}:{weight}"
    _, colon, tail = prompt.text.rpartition(":")
    ambiguous = colon and (not tail or _NUMBER.fullmatch(tail.strip()))
    return f"{prompt.text}:" if ambiguous else prompt.text


def _split(argument: str) -> tuple[str, float | None]:
    head, colon, tail = argument.rpartition(":")
    if not colon or (tail.strip() and not _NUMBER.fullmatch(tail.strip())):
        return argument, None
    if not tail.strip():
        return head, None
    if _is_port(head, tail):
        return argument, None
    weight = float(tail)
    limit = options()["prompt_weight"]
    low = -math.inf if limit.low is None else limit.low
    high = math.inf if limit.high is None else limit.high
    if not (math.isfinite(weight) and low <= weight <= high):
        text = head.strip()
        number = tail.strip() if len(tail) <= 40 else cut(tail.strip())
        example = text if 0 < len(text) <= 60 else "oil painting"
        raise UsageError(
            f"The weight {number} of {cut(text)} is outside [{low:g}, {high:g}].",
            f'Give a weight in that range, as in "{example}:3"; a colon at the very end makes it text.',
        )
    return head, weight


def _is_port(head: str, tail: str) -> bool:
    """Whether the number after a colon belongs to an address: "//host" stands before it."""
    return bool(_PORT.fullmatch(tail.strip()) and _HOST.search(head))
