"""A recipe read back: what pictures and sweeps carry (docs/metadata.md), whoever wrote it.

Nothing in it is trusted: what does not fit the schema is left out and named in `Recipe.odd`. What this version does not
know is kept in `Recipe.unknown`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from ..config import default_of
from ..prompts import Prompt
from ..size import ORIGINAL
from .lenient import Reader, dotted, fitting
from .schema import (
    MOST_LOSSES,
    TORCH_NAMES,
    MaskRow,
    Number,
    PaletteRow,
    Photo,
    Record,
    RegionRow,
    Settings,
    StyleRow,
    Term,
)

TOTAL = "total"
"""Name of the curve of the weighted sum of all losses."""

T = TypeVar("T")

_DTYPES = {theirs: ours for ours, theirs in TORCH_NAMES.items()}


@dataclass(frozen=True)
class Loss:
    """One loss of a run; None where the recipe does not say."""

    name: str
    start: float | None
    end: float | None
    weight: float | None
    gradient: float | None
    """Norm of the weighted gradient at the last step."""


@dataclass(frozen=True)
class Model:
    """One component of the model set that made the picture."""

    role: str
    name: str
    parameters: int | None
    sha256: str
    source: str
    revision: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Source:
    """A picture that went in: the photo, a style image, or the palette. `pixels` is its `images.fingerprint`, "" if
    unknown; `frame` is the one of several that was named."""

    name: str
    size: tuple[int, int] | None = None
    pixels: str = ""
    weight: float | None = None
    frame: int | None = None
    own: bool = False
    """Of a mask: whether it is the photo's own transparency."""


@dataclass(frozen=True)
class PlacesRead:
    """What differed from place to place."""

    mask: Source | None = None
    invert_mask: bool = False
    feather: int = 0
    regions: tuple[tuple[Source, Prompt], ...] = ()
    lambda_mask: Source | None = None

    @property
    def prompts(self) -> list[Prompt]:
        """Those of the regions, with the weights that they had."""
        return [prompt for _, prompt in self.regions]


@dataclass
class Recipe:
    """A recipe of any version.

    Args:
        data: the JSON object, as `images.read_recipe` gives it.

    Attributes:
        record: what of it fits the schema.
        odd: paths of the values that do not, the first hundred; they are left out of all below. Those of what was asked
            for come before those of what came out.
        odd_count: how many there are.
    """

    data: Mapping[str, Any]
    record: Record = field(init=False)
    odd: list[str] = field(init=False)
    odd_count: int = field(init=False)

    def __post_init__(self) -> None:
        reader = Reader()
        self.record = reader.read(Record, _upgraded(self.data))
        if len({name for row in self.record.steps or () for name in row}) > MOST_LOSSES:
            self.record.steps = reader.leave_out("steps")
        self.odd, self.odd_count, self._unknown = reader.odd, reader.odd_count, reader.unknown

    def to_json(self) -> dict[str, Any]:
        """The JSON object without what does not fit; what this version does not know is where it was."""
        plain = self.record.to_json()
        for (*path, name), value in self._unknown:
            table: Any = plain
            for step in path:
                table = table[step]
            table[name] = value
        return plain

    # --- what was asked for ------------------------------------------------------------------------------------------
    @property
    def version(self) -> str:
        """Of the diffstyler that made it; "" if unknown."""
        return self.record.version or ""

    @cached_property
    def prompts(self) -> list[Prompt]:
        """The prompts with the weights that they had."""
        return [Prompt(row.text, _given(row.weight)) for row in self.record.prompts or ()]

    @cached_property
    def style_images(self) -> list[Source]:
        """The style images with the weights that they had."""
        return [_source(row) for row in self.record.style_images or ()]

    @cached_property
    def palette(self) -> Source | None:
        """The picture whose colours it got."""
        return _source(self.record.palette) if self.record.palette else None

    @cached_property
    def places(self) -> PlacesRead:
        """What differed from place to place."""
        given = self.record.places
        if not given:
            return PlacesRead()
        regions = tuple((_mask(row), Prompt(row.text, _given(row.weight))) for row in given.regions or ())
        mask, lam = (_mask(row) if row else None for row in (given.mask, given.lambda_mask))
        return PlacesRead(mask, bool(given.invert_mask), given.feather or 0, regions, lam)

    @cached_property
    def photo(self) -> Source:
        """The photo that was stylised."""
        return _source(self.record.input) if self.record.input else Source("")

    @property
    def quality(self) -> int | None:
        """Of the file, where one was asked for."""
        return _given(self.record.quality)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings that this version knows; the dtype as it was resolved."""
        given = self.record.settings
        known = {name: getattr(given, name) for name in Settings.__struct_fields__} if given else {}
        resolved = {"dtype": _DTYPES[self.record.dtype]} if self.record.dtype else {}
        return {name: value for name, value in known.items() if value is not UNSET and value is not None} | resolved

    @property
    def model_set(self) -> str:
        """ "lite" or "full"; "" where the recipe does not say."""
        name = self.settings.get("models", "")
        return name if name in ("lite", "full") else ""

    def default_of(self, name: str) -> Any:
        """This version's default of a setting with the model set and at the strength of the picture."""
        strength = (
            default_of("strength") if name == "strength" else self.settings.get("strength", default_of("strength"))
        )
        return default_of(name, self.model_set or "lite", strength)

    def changed(self) -> dict[str, Any]:
        """The settings that differ from the defaults, the seed and where it ran left out."""
        return {
            name: value
            for name, value in self.settings.items()
            if name not in ("seed", "models", "device", "dtype") and value != self.default_of(name)
        }

    # --- what came out -----------------------------------------------------------------------------------------------
    @cached_property
    def losses(self) -> list[Loss]:
        """Every loss at its first and last step."""
        found = []
        for name, ends in (self.record.losses or {}).items():
            start, end = (side or Term(UNSET, UNSET, UNSET) for side in (ends.start, ends.final))
            found.append(Loss(name, _given(start.value), _given(end.value), _given(end.weight), _given(end.grad_norm)))
        return found

    @cached_property
    def curves(self) -> dict[str, list[float]]:
        """Every loss by sampling step, and their weighted sum `TOTAL`; NaN where the recipe does not say.

        At most `MOST_LOSSES` + 1 curves, each as long as all passes can be at most.
        """
        steps = self.record.steps or []
        names = dict.fromkeys(name for step in steps for name in step)
        curves = {name: [math.nan if (v := step.get(name)) is None else v for step in steps] for name in names}
        weights = {loss.name: loss.weight for loss in self.losses}
        if curves and all(weights.get(name) is not None for name in curves):
            rows = zip(*curves.values(), strict=True)
            factors = [weights[name] or 0.0 for name in curves]
            curves[TOTAL] = [sum(w * v for w, v in zip(factors, row, strict=True)) for row in rows]
        return curves

    @cached_property
    def timings(self) -> dict[str, float]:
        """Seconds by phase."""
        return {name: seconds for name, seconds in (self.record.timings or {}).items() if seconds is not None}

    @cached_property
    def models(self) -> list[Model]:
        """The components that made the picture."""
        return [
            Model(
                role,
                m.name or "",
                _given(m.parameters),
                m.sha256 or "",
                m.source or "",
                m.revision or "",
                m.licence or "",
            )
            for role, m in (self.record.models or {}).items()
        ]

    @property
    def overflowed(self) -> list[str]:
        """Roles of the networks that overflowed in fp16 and went on in fp32."""
        return self.record.overflowed or []

    @property
    def sweep(self) -> dict[str, Any]:
        """Of a cell of a sweep: its number, its scores and the fingerprint of the sweep's plan."""
        return self.record.sweep.to_json() if self.record.sweep else {}

    @property
    def libraries(self) -> dict[str, str]:
        """Versions of what it was computed with."""
        return self.record.libraries or {}

    @cached_property
    def unknown(self) -> dict[str, Any]:
        """Fields and settings that this version does not know, by path."""
        return {dotted(path): value for path, value in self._unknown}


def _upgraded(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe from when the photo's own size was a setting beside the size."""
    settings = data.get("settings")
    if not isinstance(settings, Mapping) or not isinstance(settings.get("original_size"), bool):
        return data
    kept = {name: value for name, value in settings.items() if name != "original_size"}
    return {**data, "settings": {**kept, "size": ORIGINAL} if settings["original_size"] else kept}


def number(value: Any) -> float | None:
    """A finite number that JSON gave; None for anything else."""
    found: float | None = fitting(Number, value)
    return found


def _given(value: T | UnsetType | None) -> T | None:
    return None if value is UNSET else value


def _mask(row: MaskRow | RegionRow) -> Source:
    return Source(row.name or "", pixels=row.pixels_sha256 or "", own=row.pixels_sha256 is None)


def _source(part: Photo | StyleRow | PaletteRow) -> Source:
    size = part.size if isinstance(part, Photo) else UNSET
    weight = part.weight if isinstance(part, StyleRow) else UNSET
    frame = part.frame if isinstance(part, Photo) else UNSET
    shape = (size[0], size[1]) if size else None
    return Source(part.name or "", shape, part.pixels_sha256 or "", _given(weight), _given(frame))
