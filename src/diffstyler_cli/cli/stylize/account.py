"""The account of a `stylize`: its pictures, what failed, and the JSON document of both."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...config import MachineConfig, StylizeConfig
from ...remote import Place
from ...version import __version__
from ..models import LoadedModels
from ..terminal.errors import Failure
from ..terminal.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

    from ...images import Saving
    from ...losses.report import TermReport

SCHEMA = "diffstyler.stylize/1"
"""Of the JSON document; the number grows when a field changes its meaning or goes."""


@dataclass(frozen=True)
class Picture:
    """One finished picture; `path` is None where its bytes went to stdout."""

    path: Place | None
    image: Image
    seed: int
    config: StylizeConfig
    machine: MachineConfig
    prompts: tuple[str, ...]
    losses: Sequence[Mapping[str, TermReport]]
    recipe: dict[str, Any] | None
    timings: dict[str, float]
    command: str
    saving: Saving
    """How its file was written."""


class PicturesAccount:
    """Account of the pictures that one command line made, also by its menus."""

    def __init__(self, models: LoadedModels, notices: Notices) -> None:
        self._models = models
        self._notices = notices
        self.pictures: list[Picture] = []
        self.failures: list[tuple[int, Failure]] = []
        """By seed."""
        self.plan: dict[str, Any] | None = None
        """Of the latest request."""

    def kept(self, what: str, since: int = 0) -> tuple[str, str]:
        """Message and advice after `what` cut the work short: the finished pictures are named, after `since`."""
        paths = [str(picture.path) for picture in self.pictures[since:] if picture.path]
        if not paths:
            return f"{what}; nothing was written.", ""
        return f"{what}. Kept: {', '.join(paths)}", ""

    def document(self, failure: Failure | None) -> dict[str, Any]:
        """The JSON document: everything that was made, and what went wrong. Its schema is in docs/cli.md."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            "ok": failure is None,
            **self._models.facts(),
            "notices": self._notices.texts,
            "plan": self.plan,
            "results": [_result(picture) for picture in self.pictures],
            "failures": [{"seed": seed, **dataclasses.asdict(reason)} for seed, reason in self.failures],
            "error": dataclasses.asdict(failure) if failure else None,
        }


def _result(picture: Picture) -> dict[str, Any]:
    from ...images.metadata import stored

    first, last = (picture.losses[0], picture.losses[-1]) if picture.losses else ({}, {})
    settings = dataclasses.asdict(picture.config) | dataclasses.asdict(picture.machine)
    return {
        "path": str(picture.path) if picture.path else None,
        "seed": picture.seed,
        "size": list(picture.image.size),
        "prompts": list(picture.prompts),
        "settings": settings | {"seed": picture.seed},
        "losses": {
            name: {"start": dataclasses.asdict(first[name]), "final": dataclasses.asdict(term)}
            for name, term in last.items()
        },
        "timings": {phase: round(seconds, 3) for phase, seconds in picture.timings.items()},
        "command": picture.command,
        "recipe": picture.recipe and stored(picture.recipe),
    }
