"""The contact sheet of a folder of pictures: one page that needs no network, in the look of a sweep's page."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from .. import remote
from ..errors import DiffStylerError, OutputError
from ..images import read_image
from ..images.encode import Saving
from ..images.write import encode_image, replace_file
from ..naming import text_of
from ..remote import Place, Url, is_url
from ..version import __version__
from .manifest import state_of
from .summary import Summary

PAGE = "index.html"
MOST = 2000
"""Pictures on a page."""
_QUALITY = 80


def write_page(summary: Summary, step: Callable[[int, int], None] = lambda done, of: None) -> Place:
    """index.html in the folder: every picture small, beside its photo where that is still there.

    Args:
        step: called after each picture.

    Raises `OutputError`, also where an index.html of somebody else's is there.
    """
    rows = [*summary.done, *summary.failed][:MOST]
    side = 384 if len(rows) <= 60 else 256 if len(rows) <= 300 else 160
    folders = [str(run.get("current_folder", "")) for run in summary.runs[-20:]]
    cells = []
    for number, row in enumerate(rows, 1):
        cells.append(_cell(summary, row, side, folders))
        step(number, len(rows))
    prompts = dict.fromkeys(prompt for cell in cells for prompt in cell["prompts"])
    data = {
        "title": " + ".join(list(prompts)[:4]) + (" + ..." if len(prompts) > 4 else "") or "Pictures",
        "folder": _name(summary.folder),
        "done": len(summary.done),
        "failed": len(summary.failed),
        "left": max(0, len(summary.done) + len(summary.failed) - MOST),
        "version": __version__,
        "cells": cells,
    }
    # "<" alone could end the script element or begin a comment
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    page = _own("sheet.html")
    for mark, part in (("@STYLE@", _of_sweeps("page.css") + _own("sheet.css")), ("@SCRIPT@", _own("sheet.js"))):
        page = page.replace(mark, part)
    path = summary.folder / PAGE
    if not _is_ours(path):
        raise OutputError(f"{str(path)!r} is there, and no contact sheet.", "Move it, or give it another name.")
    replace_file(path, page.replace("@DATA@", text).encode())
    return path


def _cell(summary: Summary, row: Mapping[str, Any], side: int, folders: list[str]) -> dict[str, Any]:
    place, photo = summary.place(row), _text(row, "photo")
    prompts, notes, seconds = row.get("prompts"), row.get("notes"), row.get("seconds")
    cell: dict[str, Any] = {
        "name": os.path.basename(photo) or photo or f"line {row.get('number')}",
        "file": _text(row, "file"),
        "prompts": [str(prompt)[:400] for prompt in prompts[:20]] if isinstance(prompts, list) else [],
        "notes": [str(note)[:400] for note in notes[:20]] if isinstance(notes, list) else [],
        "seed": row.get("seed") if type(row.get("seed")) is int else None,
        "seconds": seconds.get("total") if isinstance(seconds, Mapping) else None,
        "command": _text(row, "command"),
        "error": None,
        "src": None,
        "photo": None,
    }
    if row.get("status") != "done":
        return cell | {"error": _text(row, "error") or "failed"}
    try:
        data = BytesIO(remote.read(place)) if isinstance(place, Url) else place
        with Image.open(data) as picture:
            cell["size"] = list(picture.size)
            cell["src"] = _embedded(picture, side)
    except Exception:  # whatever became of the file since
        return cell | {"error": "the picture cannot be read"}
    return cell | {"photo": _photo(photo, row, side, folders, summary.folder)}


def _photo(photo: str, row: Mapping[str, Any], side: int, folders: list[str], home: Place) -> str | None:
    """The photo, where it is the one that the picture was made of: by length and time, as the manifest has them."""
    if not row.get("input"):
        return None
    places: list[Place] = [Path(folder, photo) for folder in reversed(folders)]
    if is_url(photo):  # whatever a manifest says, nobody is asked who has nothing to do with the folder
        places = [Url(photo)] if isinstance(home, Url) and home.shares_store(Url(photo)) else []
    try:
        place = next((place for place in places if state_of(place) == row["input"]), None)
        return None if place is None else _embedded(read_image(place).rgb, side)
    except DiffStylerError:  # whatever became of the photo since
        return None


def _embedded(picture: Image.Image, side: int) -> str:
    """A data: address of the picture, at most `side` pixels long."""
    picture.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded small
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    small.info = {}
    data = encode_image(small, "WEBP", saving=Saving(_QUALITY))
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _name(folder: Place) -> str:
    name = folder.name if isinstance(folder, Url) else folder.resolve().name
    return text_of(name).encode("utf-8", "replace").decode()


def _is_ours(path: Place) -> bool:
    """Whether nothing is there, or a contact sheet."""
    if isinstance(path, Url):
        return not remote.exists(path) or b"<title>Pictures</title>" in remote.read(path)[:1000]
    try:
        with path.open("rb") as file:
            return b"<title>Pictures</title>" in file.read(1000)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.encode("utf-8", "replace").decode()[:4000] if isinstance(value, str) else ""


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _of_sweeps(name: str) -> str:
    return files("diffstyler_cli.sweep").joinpath(name).read_text(encoding="utf-8")
