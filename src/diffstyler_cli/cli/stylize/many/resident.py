"""Jobs that come line by line on standard input: a path, or as JSON a job that says what it has otherwise."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ....batch.inputs import LONGEST_LINE, lines_of
from ....batch.jobs import Job
from ....batch.names import Template
from ....config import StylizeConfig, kind_of, options
from ....errors import DiffStylerError, UsageError
from ....naming import cut
from ....remote import local, place_of, text_of_place
from ...options import parse, readable
from .request import ManyRequest

OWN = ("image", "prompts", "output", "id", "style_images", "frame", "quality")
"""What a job may say beside settings of a picture."""
EXAMPLE = 'As in {"image": "photo.jpg", "prompts": ["oil painting"], "output": "out.png"}.'

Reads = Callable[[tuple[str, ...]], tuple[str, ...]]
"""Prompts as they are meant."""


def jobs_of(request: ManyRequest, seed: int, read: Reads) -> Iterator[Job]:
    """The jobs of standard input until it ends; one for each line, also for a line that is none."""
    template, run = request.names(), _Lines(request, seed, read)
    for number, line in enumerate(lines_of(sys.stdin.fileno()), 1):
        try:
            yield run.job(number, line, template)
        except DiffStylerError as error:
            photo = "" if line.lstrip().startswith("{") else line[:400]
            yield Job(number, photo, label=run.label, fault=(error.message, error.advice))


@dataclasses.dataclass
class _Lines:
    request: ManyRequest
    seed: int
    read: Reads
    label: Any = None
    """Of the line at hand."""

    def job(self, number: int, line: str, template: Template) -> Job:
        """The job of a line. Raises `DiffStylerError`."""
        self.label = None
        if len(line) > LONGEST_LINE:
            raise UsageError(f"Line {number} is longer than {LONGEST_LINE:,} bytes.", EXAMPLE)
        table = _table(line) if line.lstrip().startswith("{") else {"image": line}
        self.label = table.get("id")
        for name in table:
            if name not in OWN and name not in options(StylizeConfig):
                raise UsageError(f"A job has no {cut(name)}.", f"It may have {', '.join(OWN)}, and settings by name.")
        photo, output = local(_text(table, "image")), local(_text(table, "output"))
        if not photo or photo == "-":
            raise UsageError(f"Line {number} names no photo.", EXAMPLE)
        own = {name: _setting(name, value) for name, value in table.items() if name in options(StylizeConfig)}
        seed = own.pop("seed", self.seed)
        for name in ("frame", "quality"):
            if name in table:
                own[name] = _whole(table, name, 1000 if name == "frame" else 100)
        if "style_images" in table:
            own["style_images"] = tuple(_texts(table, "style_images"))
        prompts = self.request.base.prompts
        if "prompts" in table:
            prompts = self.read(tuple(map(readable, _texts(table, "prompts"))))
        base = self.request.base
        if not (prompts or own.get("style_images", base.style_images) or base.places.regions):
            raise UsageError(f"Line {number} has no prompt, and the command has none.", EXAMPLE)
        output = output or self._named(photo, prompts, seed, number, template)
        from ....images.write import check_output

        place = place_of(output)
        if isinstance(place, Path):
            place.parent.mkdir(parents=True, exist_ok=True)
        check_output(place, [place_of(photo)], force=True, option='"output"')
        return Job(number, photo, output, prompts, seed, self.label, own)

    def _named(self, photo: str, prompts: tuple[str, ...], seed: int, number: int, template: Template) -> str:
        if self.request.folder is None:
            raise UsageError(f"Line {number} has no output, and the command has no folder (-o).", EXAMPLE)
        words = self.request.words_of(prompts)
        name = template.name(photo, words, seed, f"{number:06d}", self.request.extension())
        return text_of_place(self.request.folder / name)


def _table(line: str) -> dict[str, Any]:
    try:
        table = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"A line begins as JSON and is none: {str(error)[:120]}.", EXAMPLE) from error
    if not isinstance(table, dict):
        raise UsageError("A line of JSON is no table.", EXAMPLE)
    return table


def _text(table: dict[str, Any], name: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str) or "\0" in value:
        raise UsageError(f"A job's {name} is a text.", EXAMPLE)
    return value


def _texts(table: dict[str, Any], name: str) -> list[str]:
    value = table[name]
    listed = [value] if isinstance(value, str) else value
    if not (isinstance(listed, list) and listed and all(isinstance(one, str) and "\0" not in one for one in listed)):
        raise UsageError(f"A job's {name} are a text or a list of texts.", EXAMPLE)
    return listed


def _whole(table: dict[str, Any], name: str, most: int) -> int:
    value = table[name]
    if type(value) is not int or not 1 <= value <= most:
        raise UsageError(f"A job's {name} is a whole number from 1 to {most}.", EXAMPLE)
    return value


def _setting(name: str, value: Any) -> Any:
    """A setting of JSON as its option would read it."""
    if kind_of(name) == "bool":
        if not isinstance(value, bool):
            raise UsageError(f"A job's {name} is true or false.", EXAMPLE)
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UsageError(f"A job's {name} is a number or a text.", EXAMPLE)
    return parse(name, str(value))
