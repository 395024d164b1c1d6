"""What the actions of `inspect` share: the files, the options, and the account that they fill."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputImageError
from ...remote import Place
from ...version import __version__
from ..models import LoadedModels
from ..terminal.console import Console, escaped
from ..terminal.errors import Failure
from ..terminal.notices import Notices

if TYPE_CHECKING:
    from ...images.describe import Description
    from ...recipe import Recipe

SCHEMA = "diffstyler.inspect/1"


class InspectAccount:
    """Account of an `inspect`: `fields` of the JSON document, filled by the action as it goes."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.kept_by: Callable[[str], tuple[str, str]] | None = None
        """What knows of written pictures, where there can be some."""

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document; its schema is in docs/metadata.md."""
        head = {"schema": SCHEMA, "version": __version__, "ok": failure is None}
        return head | self.fields | {"ok": failure is None, "error": failure and dataclasses.asdict(failure)}

    def kept(self, what: str) -> tuple[str, str]:
        """Message and advice after an interruption."""
        return self.kept_by(what) if self.kept_by else (f"{what}.", "")


@dataclass(frozen=True)
class Job:
    """One run of the command. `limit` is that of the pixels of a picture."""

    console: Console
    models: LoadedModels
    account: InspectAccount
    files: Sequence[Place]
    photo: Path | None
    output: Path | None
    force: bool
    limit: int

    @property
    def raised(self) -> int | None:
        """The --max-pixels that was given, where it is not the default."""
        from ...images.read import MAX_PIXELS

        return None if self.limit == MAX_PIXELS else self.limit

    def describe(self, file: Place) -> Description:
        """What the file is. Raises `InputImageError`."""
        from ...images.describe import describe

        return describe(file, self.limit)

    def recipe(self, description: Description) -> Recipe:
        """The recipe that the file carries. Raises `InputImageError` where it has none."""
        from ...recipe import Recipe

        if description.recipe is None:
            raise InputImageError(
                f"{escaped(description.path.name)} carries no recipe.",
                "It was made otherwise, with --no-metadata, or its metadata was removed since.",
            )
        return Recipe(description.recipe)

    def say(self, notes: Sequence[str]) -> None:
        """Shows what a person should know."""
        Notices(self.console).add(notes)
