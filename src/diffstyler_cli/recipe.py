"""A recipe read back: what pictures and sweeps carry (docs/metadata.md), whoever wrote it.

Nothing in it is trusted: a value of the wrong kind is left out and named in `Recipe.odd`. What this version does not
know is kept in `Recipe.unknown`. Importing this module costs nothing: no torch, no Pillow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .config import StylizeConfig, options
from .prompts import Prompt

TOTAL = "total"
"""Name of the curve of the weighted sum of all losses."""

_KINDS: dict[str, tuple[type, ...]] = {"float": (int, float), "int": (int,), "bool": (bool,), "str": (str,)}
_DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


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


@dataclass(frozen=True)
class Source:
    """A picture that went in: the photo, or a style image. `pixels` is its `images.fingerprint`, "" if unknown."""

    name: str
    size: tuple[int, int] | None = None
    pixels: str = ""
    weight: float | None = None


@dataclass
class Recipe:
    """A recipe of any version.

    Args:
        data: the JSON object, as `images.read_recipe` gives it.
        odd: paths of values that have the wrong kind, and are left out of all below.
    """

    data: Mapping[str, Any]
    odd: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for part in (self.prompts, self.style_images, self.photo, self.settings, self.losses, self.models):
            del part  # reading them fills `odd`

    # --- what was asked for ------------------------------------------------------------------------------------------
    @cached_property
    def schema(self) -> str:
        return self._text("schema")

    @cached_property
    def version(self) -> str:
        """Of the diffstyler that made it; "" if unknown."""
        return self._text("version")

    @cached_property
    def prompts(self) -> list[Prompt]:
        """The prompts with the weights that they had."""
        found = []
        for path, row in self._rows("prompts"):
            text = self._take(row, "text", str, path)
            if text:
                found.append(Prompt(text, self._number(row, "weight", path)))
        return found

    @cached_property
    def style_images(self) -> list[Source]:
        """The style images with the weights that they had."""
        return [self._source(row, path) for path, row in self._rows("style_images")]

    @cached_property
    def photo(self) -> Source:
        """The photo that was stylised."""
        return self._source(self._table("input"), "input")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings that this version knows, those of a wrong kind left out; the dtype as it was resolved."""
        given = self._table("settings")
        found = {}
        for name in options():
            if name in given and given[name] is not None:
                kind = str(StylizeConfig.__dataclass_fields__[name].type).removesuffix(" | None")
                value = given[name]
                if not isinstance(value, _KINDS[kind]) or (kind != "bool" and isinstance(value, bool)):
                    self._odd(f"settings.{name}")
                    continue
                found[name] = _float(value) if kind == "float" else value
        resolved = _DTYPES.get(self._text("dtype"))
        return found | ({"dtype": resolved} if resolved else {})

    @property
    def model_set(self) -> str:
        """ "lite" or "full"; "" where the recipe does not say."""
        name = self.settings.get("models", "")
        return name if name in ("lite", "full") else ""

    def defaults(self) -> StylizeConfig:
        """This version's defaults of the model set that made the picture."""
        return StylizeConfig.defaults(self.model_set or "lite")

    def changed(self) -> dict[str, Any]:
        """The settings that differ from the defaults, the seed and where it ran left out."""
        plain = self.defaults()
        return {
            name: value
            for name, value in self.settings.items()
            if name not in ("seed", "models", "device", "dtype") and value != getattr(plain, name)
        }

    # --- what came out -----------------------------------------------------------------------------------------------
    @cached_property
    def losses(self) -> list[Loss]:
        """Every loss at its first and last step."""
        found = []
        for name, row in self._table("losses").items():
            path = f"losses.{name}"
            if not isinstance(row, dict):
                self._odd(path)
                continue
            start, end = (self._inner(row, key, path) for key in ("start", "final"))
            found.append(
                Loss(
                    name,
                    self._number(start, "value", f"{path}.start"),
                    self._number(end, "value", f"{path}.final"),
                    self._number(end, "weight", f"{path}.final"),
                    self._number(end, "grad_norm", f"{path}.final"),
                )
            )
        return found

    @cached_property
    def curves(self) -> dict[str, list[float]]:
        """Every loss by sampling step, and their weighted sum `TOTAL`; NaN where the recipe does not say."""
        steps = [step if isinstance(step, dict) else {} for step in _list(self.data.get("steps"))]
        names = dict.fromkeys(name for step in steps for name in step)
        curves = {name: [_float(step.get(name), math.nan) for step in steps] for name in names}
        weights = {loss.name: loss.weight for loss in self.losses}
        if curves and all(weights.get(name) is not None for name in curves):
            rows = zip(*curves.values(), strict=True)
            factors = [weights[name] or 0.0 for name in curves]
            curves[TOTAL] = [sum(w * v for w, v in zip(factors, row, strict=True)) for row in rows]
        return curves

    @cached_property
    def timings(self) -> dict[str, float]:
        """Seconds by phase."""
        table = self._table("timings")
        return {name: seconds for name in table if (seconds := self._number(table, name, "timings")) is not None}

    @cached_property
    def models(self) -> list[Model]:
        """The components that made the picture."""
        found = []
        for role, row in self._table("models").items():
            path = f"models.{role}"
            if not isinstance(row, dict):
                self._odd(path)
                continue
            count = self._take(row, "parameters", int, path)
            name, digest, source = (self._take(row, key, str, path) or "" for key in ("name", "sha256", "source"))
            found.append(Model(role, name, count, digest, source))
        return found

    @property
    def overflowed(self) -> list[str]:
        """Roles of the networks that overflowed in fp16 and went on in fp32."""
        return [str(role) for role in self._take(self.data, "overflowed", list, "") or []]

    @property
    def sweep(self) -> dict[str, Any]:
        """Of a cell of a sweep: its number, its scores and the fingerprint of the sweep's plan."""
        return self._table("sweep")

    @property
    def libraries(self) -> dict[str, str]:
        """Versions of what it was computed with."""
        return {name: str(value) for name, value in self._table("libraries").items()}

    @property
    def unknown(self) -> dict[str, Any]:
        """Fields and settings that this version does not know, by path."""
        settings = self._table("settings")
        strange = {f"settings.{name}": settings[name] for name in settings if name not in options()}
        return {name: value for name, value in self.data.items() if name not in FIELDS} | strange

    # --- reading without trust ---------------------------------------------------------------------------------------
    def _take(self, table: Mapping[str, Any], key: str, kind: type, path: str) -> Any:
        value = table.get(key)
        if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
            return value
        self._odd(f"{path}.{key}".removeprefix("."))
        return None

    def _odd(self, path: str) -> None:
        if path not in self.odd:
            self.odd.append(path)

    def _text(self, key: str) -> str:
        return self._take(self.data, key, str, "") or ""

    def _number(self, table: Mapping[str, Any], key: str, path: str) -> float | None:
        found = number(table.get(key))
        if found is None and table.get(key) is not None:
            self._odd(f"{path}.{key}")
        return found

    def _inner(self, table: Mapping[str, Any], key: str, path: str) -> dict[str, Any]:
        return self._take(table, key, dict, path) or {}

    def _table(self, key: str) -> dict[str, Any]:
        return self._inner(self.data, key, "")

    def _rows(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for index, row in enumerate(self._take(self.data, key, list, "") or []):
            path = f"{key}.{index}"
            if isinstance(row, dict):
                yield path, row
            else:
                self._odd(path)

    def _source(self, row: Mapping[str, Any], path: str) -> Source:
        size = row.get("size")
        fits = isinstance(size, list) and len(size) == 2 and all(type(n) is int and 0 < n < 10**9 for n in size)
        if size is not None and not fits:
            self._odd(f"{path}.size")
        name, pixels = (self._take(row, key, str, path) or "" for key in ("name", "pixels_sha256"))
        return Source(name, (size[0], size[1]) if fits and size else None, pixels, self._number(row, "weight", path))


FIELDS = (
    "schema", "version", "input", "size", "prompts", "style_images", "settings", "t1_steps", "dtype", "models",
    "overflowed", "libraries", "losses", "timings", "steps", "sweep",
)  # fmt: skip
"""The fields that this version writes and reads."""


def same_but_for_time(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two recipes are of the same run in all but how long it took."""
    return {**one, "timings": None} == {**other, "timings": None}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two recipes say differently: path -> both values, None where one says nothing.

    What every run has anew (losses, their steps, timings) is left out.
    """
    left, right = dict(_flat(one)), dict(_flat(other))
    return {
        path: (left.get(path), right.get(path))
        for path in dict.fromkeys((*left, *right))
        if left.get(path) != right.get(path)
    }


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)):
        items = value.items() if isinstance(value, dict) else ((str(i), item) for i, item in enumerate(value, 1))
        for key, item in items:
            if path or key not in ("losses", "steps", "timings"):
                yield from _flat(item, f"{path}.{key}".removeprefix("."))
    else:
        yield path, value


def number(value: Any) -> float | None:
    """A finite number that JSON gave; None for anything else."""
    found = _float(value)
    return found if math.isfinite(found) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _float(value: Any, default: float = math.nan) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    try:
        return float(value)
    except OverflowError:  # JSON has whole numbers of any length
        return default
