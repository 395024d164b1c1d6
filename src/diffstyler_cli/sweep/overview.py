"""The overview of several sweeps: one page that needs no network, with a small picture of each and the way to it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from ..errors import OutputError
from ..images import encode_image
from ..images.write import replace_file
from ..naming import name_of, text_of
from ..version import __version__
from .folder import PAGE
from .manifest import MANIFEST, read_manifest

MOST = 1000
"""Sweeps on a page."""
_MARK = '<meta name="generator" content="diffstyler sweeps">'
_HEAD = 4096
_SIDES = ((20, 640), (200, 448), (MOST, 256))
"""For so many sweeps, the length of a picture in pixels."""


@dataclass(frozen=True)
class Shown:
    """A sweep on the page.

    Args:
        photo: its path.
        folder: below that of the page.
        told: how much of it there is.
        error: why it, or some of it, is not there.
    """

    photo: str
    folder: str
    told: str
    error: str = ""


def write_overview(
    folder: Path, title: str, sweeps: Sequence[Shown], step: Callable[[int, int], None] = lambda done, of: None
) -> Path:
    """index.html of `folder`, which has the sweeps in folders of its own; one that is right already is left.

    Args:
        step: called after each sweep.

    Raises `OutputError`, also where an index.html of somebody else's is there.
    """
    path = folder / PAGE
    shown = sweeps[:MOST]
    found = hashlib.sha256(json.dumps([__version__, title, len(sweeps), [vars(s) for s in shown]]).encode()).hexdigest()
    digest = f'<meta name="digest" content="{found}">'
    check_overview(path)
    if digest in _head(path) and _newest(folder, shown) <= path.stat().st_mtime_ns:
        return path
    side = next(side for most, side in _SIDES if len(shown) <= most)
    cards = []
    for number, sweep in enumerate(shown, 1):
        cards.append(_card(folder, sweep, side))
        step(number, len(shown))
    more = f"; the first {MOST} are shown" if len(sweeps) > MOST else ""
    count = "1 sweep" if len(sweeps) == 1 else f"{len(sweeps)} sweeps"
    parts = {
        "@MARK@": f"{_MARK}\n{digest}",
        "@STYLE@": _own("page.css") + _own("overview.css"),
        "@TITLE@": _text(title),
        "@FACTS@": _text(f"{count} in {text_of(folder.resolve().name)}{more}"),
        "@VERSION@": _text(__version__),
        "@CARDS@": "\n".join(cards),
    }
    page = _own("overview.html")
    head, *rest = page.split("@")  # each mark once, and none that stands in what is put in
    whole = head + "".join(parts[f"@{mark}@"] + text for mark, text in zip(rest[::2], rest[1::2], strict=True))
    replace_file(path, whole.encode("utf-8", "replace"))
    return path


def check_overview(path: Path) -> None:
    """Raises `OutputError` where a page of somebody else's is in the place of the overview."""
    if os.path.lexists(path) and _MARK not in _head(path):
        raise OutputError(f"{str(path)!r} is there, and no overview of sweeps.", "Move it, or give another -o.")


def _card(folder: Path, sweep: Shown, side: int) -> str:
    picture = _picture(folder / sweep.folder, side)
    name, label = os.path.basename(sweep.photo) or sweep.photo, _text(sweep.photo)
    if picture is None:
        box = f'<div class="empty">{_text(sweep.error or "no picture yet")}</div>'
    else:
        address = f"{quote(os.fsencode(sweep.folder))}/{PAGE}"
        box = f'<a href="./{address}"><img src="{picture}" alt="The sweep of {label}"></a>'
    error = f'<p class="error">{_text(sweep.error)}</p>' if sweep.error and picture is not None else ""
    told = f'<p class="quiet">{_text(f"{sweep.told}, {sweep.folder}")}</p>'
    return f'<li class="sweep"><div class="box">{box}</div><h2 title="{label}">{_text(name)}</h2>{told}{error}</li>'


def _picture(folder: Path, side: int) -> str | None:
    """A data: address of a sweep's first grid, or without one of its first cell; None where there is no page."""
    if not (folder / PAGE).is_file():
        return None
    try:
        data = read_manifest(folder)
        grids = data["grids"] or [row["file"] for row in data["cells"] if row["status"] == "done"]
        # the manifest is only a file: nothing outside of the folder is read
        name = Path(str(grids[0]))
        place = folder / ("cells" if not data["grids"] else ".") / name_of(name.name)
        with Image.open(place) as picture:
            small = picture.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError, Image.DecompressionBombError):
        return None
    return f"data:image/webp;base64,{base64.b64encode(encode_image(small, 'WEBP')).decode()}"


def _newest(folder: Path, sweeps: Sequence[Shown]) -> int:
    """When the latest of the pages and grids was written."""
    times = [0]
    for sweep in sweeps:
        for name in (PAGE, MANIFEST, "grid.png", "grid-1.png"):
            try:
                times.append((folder / sweep.folder / name).stat().st_mtime_ns)
            except (OSError, ValueError):
                continue
    return max(times)


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""


def _text(text: str) -> str:
    return html.escape(text.encode("utf-8", "replace").decode())


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
