"""Addresses as texts: s3://bucket/a.jpg, https://host/a.jpg. Nothing is asked of anybody here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from ..naming import without_secrets

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_FILE = re.compile(r"file:/(?:/?/?localhost/|/*)", re.IGNORECASE)
_WEB = ("http", "https")


@dataclass(frozen=True, slots=True)
class Url:
    """The address of a file or folder, where a `Path` might be. As a text it is without its secrets; `text` has all."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return without_secrets(self.text)

    @property
    def protocol(self) -> str:
        """s3, gs, https, ..."""
        return self.text.partition("://")[0].lower()

    @property
    def is_web(self) -> bool:
        """Whether it is of a web page: one file, never a folder or a pattern, and nothing can be written there."""
        return self.protocol in _WEB

    @property
    def name(self) -> str:
        """The last part, without the parameters of a web address."""
        rest = self.text.partition("://")[2]
        if not self.is_web:
            return rest.rstrip("/").rpartition("/")[2]
        from urllib.parse import unquote

        name = re.split(r"[?#]", rest)[0].rstrip("/").rpartition("/")
        return re.sub(r"[/\0]", "-", unquote(name[2])) if name[1] else ""

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return Path(self.name).stem or "picture"

    @property
    def suffix(self) -> str:
        """The end of the name, with its dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> Url:
        """The folder."""
        head, slashes, rest = self.text.partition("://")
        return Url(head + slashes + "".join(rest.rstrip("/").rpartition("/")[:2]))

    def with_name(self, name: str) -> Url:
        """Another file of the folder."""
        return self.parent / name

    def __truediv__(self, name: str) -> Url:
        if not name:
            return self
        name = re.sub("[\ud800-\udfff]", "_", name)  # bytes of a local name that are no UTF-8
        return Url(f"{self.text}{'' if self.text.endswith('/') else '/'}{name}")

    def shares_store(self, other: Url) -> bool:
        """Whether another address is of the same host or bucket."""
        parts = 1 if self.protocol in ("memory", "local") else 3
        return self.text.split("/")[:parts] == other.text.split("/")[:parts]

    def holds(self, other: str) -> str | None:
        """The path of another address within this folder; None where it lies elsewhere."""
        folder = self.text if self.text.endswith("/") else f"{self.text}/"
        return other[len(folder) :] if other.startswith(folder) else None


Place: TypeAlias = Path | Url
AnyPlace = TypeVar("AnyPlace", bound=Path | Url)


def is_url(text: str) -> bool:
    """Whether `text` is the address of something elsewhere, and no file's name."""
    match = _ADDRESS.match(text)
    return match is not None and match[1].lower() != "file" and not os.path.lexists(text)


def place_of(text: str) -> Place:
    """An address, or a path."""
    return Url(text) if is_url(text) else Path(text)


def text_of_place(place: Place) -> str:
    """The other way, whole: with what must not be shown."""
    return place.text if isinstance(place, Url) else str(place)


def local(text: str) -> str:
    """The path that a file:// address names, also one that as a `Path` has lost slashes; any other text as it is."""
    match = _FILE.match(text)
    if match is None or os.path.lexists(text):
        return text
    from urllib.parse import unquote

    return unquote("/" + text[match.end() :], errors="surrogateescape")
