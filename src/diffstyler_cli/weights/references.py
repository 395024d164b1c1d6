"""What a person types for a network of others: a short name, OWNER/NAME on the Hub, or a folder; with @REVISION."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import UsageError
from ..naming import cut
from .registry import NETWORKS, network

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
ADVICE = "Give a name of docs/networks.md, OWNER/NAME[@REVISION] of the Hub, or a folder in diffusers' format."


@dataclass(frozen=True)
class Reference:
    """A network of others.

    Args:
        kind: "hub" where `place` is a repository on the Hub, "folder" where it is one on this machine.
        name: what messages and recipes call it: the short name, the repository, the folder's own name.
        revision: of a repository: branch, tag or commit; "" for a folder.
    """

    kind: Literal["hub", "folder"]
    name: str
    place: str
    revision: str = ""

    def __str__(self) -> str:
        """As a person types it."""
        if self.kind == "folder":
            return self.place
        return self.name if self.revision == "main" else f"{self.name}@{self.revision}"

    @property
    def pinned(self) -> bool:
        """Whether it can never mean other weights than today: a commit."""
        return bool(COMMIT.fullmatch(self.revision))


def parse_reference(text: str, flag: str = "", others: Sequence[str] = ()) -> Reference:
    """What `text` names.

    A folder goes before a repository of that name; what begins with /, ./, ../ or ~ is never a repository.

    Args:
        flag: the option that it is the value of, for messages.
        others: names that mean something here beside those of the registry, for the nearest one.

    Raises:
        UsageError: it names nothing that could be one.
    """
    what = f"{flag} {cut(text)}".strip()
    plain, at, revision = text.partition("@")
    path = Path(text).expanduser() if text.startswith("~/") else Path(text)
    if path.is_dir() or text.startswith(("/", "./", "../", "~")) or os.path.isabs(text):
        if not path.is_dir():
            why = "is a file" if path.exists() else "does not exist"
            raise UsageError(f"{what}: that folder {why}.", ADVICE)
        return Reference("folder", Path(os.path.abspath(path)).name, str(path))
    if at and not re.fullmatch(r"[\w./-]{1,200}", revision, re.ASCII):
        raise UsageError(f"{what}: {cut(revision)} is no revision.", "Write @ and a branch, a tag or a commit.")
    if known := network(plain):
        return Reference("hub", known.name, known.repository, revision or known.revision)
    if REPOSITORY.fullmatch(plain) and len(plain) <= 96 and ".." not in plain and "--" not in plain:
        return Reference("hub", plain, plain, revision or "main")
    near = difflib.get_close_matches(text, [*others, *(spec.name for spec in NETWORKS)], n=1)
    raise UsageError(f"{what} names no network.", f"Did you mean {near[0]}? {ADVICE}" if near else ADVICE)
