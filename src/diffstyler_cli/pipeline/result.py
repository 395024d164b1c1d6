"""What a run yields: a record a step, then the finished pictures with their recipes. Importing it loads no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import UNSET

from ..config import MachineConfig, StylizeConfig
from ..recipe.schema import (
    SCHEMA,
    TORCH_NAMES,
    LossEnds,
    Model,
    PaletteRow,
    Photo,
    PromptRow,
    Record,
    Settings,
    StyleRow,
    Term,
)
from ..version import __version__

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from ..images import LoadedImage
    from ..losses.report import TermReport
    from ..models.base import ComponentInfo
    from ..models.codec import Codec
    from ..prompts import Prompt
    from .places import PlaceMaps
    from .style_images import StylePicture

LIBRARIES = ("torch", "open_clip_torch")
"""Libraries whose versions a picture depends on to the last bit."""


@dataclass(frozen=True)
class Progress:
    """One step of a run. `phase` is "free", "noise" or "sample"; `step` counts from 1 to `steps` within it."""

    phase: str
    step: int
    steps: int
    pred: Tensor | None
    """x̂0, B×C×H×W, still padded, B pictures made together: pixels in about [-1, 1], or latents of `codec`; None before
    there is one worth showing."""
    losses: dict[str, TermReport] | None
    seconds: float
    """Since the run began."""
    size: tuple[int, int]
    """(width, height) of the picture without the padding."""
    codec: Codec | None = None
    """From latents to a picture; None for pixels."""

    def preview(self) -> Image:
        """x̂0 (the first one) as a picture. Raises ValueError where `pred` is None."""
        from ..images import to_image

        if self.pred is None:
            raise ValueError(f"no prediction in phase {self.phase}")
        pred = self.pred[:1]
        return to_image(pred if self.codec is None else self.codec.preview(pred), self.size)


@dataclass(frozen=True)
class StylizeResult:
    """A finished picture: `losses` by sampling step, and the `recipe` that makes it again."""

    image: Image
    losses: list[dict[str, TermReport]]
    recipe: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class Finished:
    """The last event of a run."""

    results: tuple[StylizeResult, ...]
    """The pictures; several where they were made as one batch."""

    @property
    def result(self) -> StylizeResult:
        """The picture of a run that made one. Raises ValueError where there are several."""
        (result,) = self.results
        return result


Event: TypeAlias = Progress | Finished


@dataclass(frozen=True)
class Made:
    """What the recipes of all pictures of a run have in common.

    Args:
        machine: the machine's settings as they were resolved, never "auto".
        models: by role.
        overflowed: roles of networks that overflowed in fp16 and went on in fp32.
        prompts, styles: what was asked for; `weights` are those that they had in the end, prompts first, and last
            those of the regions' prompts.
        palette: the picture whose colours the results got.
        places: what was asked for at some places.
    """

    machine: MachineConfig
    models: Mapping[str, ComponentInfo]
    overflowed: Sequence[str]
    photo: LoadedImage
    prompts: Sequence[Prompt]
    styles: Sequence[StylePicture]
    weights: Sequence[float]
    palette: LoadedImage | None = None
    places: PlaceMaps | None = None


def recipe_of(
    made: Made,
    config: StylizeConfig,
    size: tuple[int, int],
    history: Sequence[Mapping[str, TermReport]],
    timings: Mapping[str, float],
) -> dict[str, Any]:
    """What `inspect` shows and what makes the picture again, as JSON (docs/metadata.md).

    Args:
        size: (width, height) of the picture.
        history: the losses by sampling step.
        timings: seconds by phase.
    """
    count, everywhere = len(made.prompts), len(made.prompts) + len(made.styles)
    return Record(
        schema=SCHEMA,
        version=__version__,
        input=Photo(
            name=made.photo.name,
            size=list(made.photo.original_size),
            pixels_sha256=made.photo.fingerprint,
            frame=UNSET if made.photo.frame is None else made.photo.frame,
        ),
        size=list(size),
        prompts=[
            PromptRow(text=prompt.text, weight=weight)
            for prompt, weight in zip(made.prompts, made.weights[:count], strict=True)
        ],
        style_images=[
            StyleRow(name=style.loaded.name, weight=weight, pixels_sha256=style.loaded.fingerprint)
            for style, weight in zip(made.styles, made.weights[count:everywhere], strict=True)
        ],
        palette=UNSET if made.palette is None else PaletteRow(made.palette.name, made.palette.fingerprint),
        settings=Settings(**dataclasses.asdict(config), **dataclasses.asdict(made.machine)),
        t1_steps=config.t1_steps(),
        dtype=TORCH_NAMES[made.machine.dtype],
        overflowed=sorted(made.overflowed),
        models={role: Model(**_known(dataclasses.asdict(info))) for role, info in made.models.items()},
        libraries={name: _version(name) for name in LIBRARIES},
        losses={
            name: LossEnds(start=_term(history[0][name]), final=_term(term))
            for name, term in (history[-1] if history else {}).items()
        },
        timings={phase: round(seconds, 3) for phase, seconds in timings.items()},
        steps=[{name: round(term.value, 6) for name, term in terms.items()} for terms in history],
        places=UNSET if made.places is None else made.places.record(made.weights[everywhere:]),
    ).to_json()


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    """Without the facts that only some components have."""
    return {name: value for name, value in facts.items() if value is not None}


_version = cache(version)


def _term(report: TermReport) -> Term:
    return Term(**dataclasses.asdict(report))
