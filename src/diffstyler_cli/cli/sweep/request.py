"""What a `sweep` command line asks for: a `stylize` request with several values for some settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import MachineConfig, StylizeConfig, options
from ...naming import beginning, name_of, slug, text_of
from ...prompts import parse_prompt, parse_style_image
from ...sample import SAMPLE
from ...sweep.axes import PROMPT, render_values
from ..stylize import masks
from ..stylize.request import Request, check, without_idle
from ..stylize.typed import is_read_otherwise
from ..terminal.shell import joined

if TYPE_CHECKING:
    from ...sweep.plan import Cell
    from ..stylize.many.cluster import ClusterRequest

DEFAULT_RANGES: Mapping[str, tuple[Any, ...]] = {"lam": (0.0, 0.5, 1.0), "t1": ("1.0x", "1.2x", "1.6x")}

TOGETHER = ("t1", "steps", "round_trip")
"""Settings that may exclude each other: the plan finds out cell by cell."""


@dataclass(frozen=True)
class SweepRequest:
    """One `sweep`, as given.

    Args:
        base: photo, prompts, style images, weights; its output is the sweep's folder. It holds no settings.
        ranges: the values of each setting that was given, and of `PROMPT`.
        batch: pictures made at once; None for as many as memory allows.
        cluster: where they are made, with --engine ray; None for this process.
    """

    base: Request
    ranges: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    batch: int | None = None
    grid: bool = True
    dry_run: bool = False
    cluster: ClusterRequest | None = None

    def is_bare(self) -> bool:
        """Whether nothing was said of what to make."""
        base = self.base
        return base.image is None and not (base.asks() or base.places or base.weights or self.ranges)

    def with_base(self, **changes: Any) -> SweepRequest:
        """The same with another photo, other prompts, …"""
        return dataclasses.replace(self, base=dataclasses.replace(self.base, **changes))

    def with_seed(self, seed: int | None) -> SweepRequest:
        """The same with the seed that was drawn, where none was given."""
        return dataclasses.replace(self, ranges={"seed": (seed,), **self.ranges})

    def said(self) -> tuple[str, ...]:
        """Settings that masks say for each place, and no axis can."""
        return ("lam",) if self.base.places.lambda_mask is not None else ()

    def with_default_ranges(self) -> SweepRequest:
        """Varies what tells most: λ and T1, where they are not fixed."""
        more = {name: values for name, values in DEFAULT_RANGES.items() if name not in (*self.ranges, *self.said())}
        return dataclasses.replace(self, ranges={**self.ranges, **more})

    def swept(self) -> list[str]:
        """Names of what has several values."""
        return [name for name, values in self.ranges.items() if len(values) > 1]

    def settings(self) -> dict[str, Any]:
        """The settings that have one value."""
        return {name: values[0] for name, values in self.ranges.items() if name != PROMPT and len(values) == 1}

    def prompts(self) -> tuple[str, ...]:
        """Every prompt that some cell has."""
        return tuple(self.ranges.get(PROMPT, self.base.prompts))

    def asks(self) -> list[str]:
        """Every prompt of the sweep, those of regions too."""
        return [*self.prompts(), *masks.prompts(self.base.places)]

    def command_of(self, cell: Cell) -> str:
        """The `stylize` command that makes a cell."""
        return self.for_cell(cell.config, cell.prompts).command_line()

    def for_cell(self, config: StylizeConfig, prompts: Sequence[str], **changes: Any) -> Request:
        """The `stylize` request that makes one cell."""
        machine = options(MachineConfig)
        given = {
            name: values[0] if name in machine else getattr(config, name)
            for name, values in self.ranges.items()
            if name != PROMPT
        }
        settings = {**given, "seed": config.seed, **changes}
        return dataclasses.replace(
            self.base, prompts=tuple(prompts), settings=settings, output=None, force=False, preview=False
        )

    def check(self) -> None:
        """Raises `UsageError` for an option that would have no effect on any cell."""
        check(self._representative())

    def without_idle(self, among: Collection[str]) -> SweepRequest:
        """The same without those settings of `among` that would have no effect on any cell."""
        whole = self._representative()
        idle = whole.settings.keys() - without_idle(whole, among).settings.keys()
        return dataclasses.replace(self, ranges={k: v for k, v in self.ranges.items() if k not in idle})

    def _representative(self) -> Request:
        """One request for all cells: of several values of a setting, one that lets the others count stands for it."""
        alone = {name: values for name, values in self.ranges.items() if name not in (PROMPT, *TOGETHER)}
        settings = {name: next((v for v in values if v), values[0]) for name, values in alone.items()}
        return dataclasses.replace(self.base, prompts=self.prompts(), settings=settings, output=None)

    def folder(self) -> Path:
        """The sweep's folder: as given, or named after the photo and the prompts, and beside the photo.

        Nothing goes into the package's folder, where the sample photo is.
        """
        if self.base.output is not None:
            return Path(self.base.output)
        words = [parse_prompt(text).text for text in self.asks()]
        words = words or [text_of(parse_style_image(path).path.stem) for path in self.base.style_images]
        photo = Path("picture" if self.base.image in (None, "-") else str(self.base.image))
        stem = beginning(text_of(photo.stem), 120)
        folder = Path() if photo == SAMPLE else photo.parent
        return folder / name_of(f"{stem}-{slug(' '.join(words))}-sweep")

    def range_words(self) -> str:
        """The options that are varied, as on the command line."""
        return " ".join(word for name in self.swept() for word in self._words(name))

    def command_words(self) -> list[str]:
        """The command that asks for the same sweep."""
        words = [word for name in self.swept() for word in self._words(name)]
        if PROMPT in self.ranges and len(self.ranges[PROMPT]) == 1:
            words += self._words(PROMPT)
        if self.batch is not None:
            words += ["--batch", str(self.batch)]
        words += ["--no-grid"] * (not self.grid)
        words += [] if self.cluster is None else self.cluster.words()
        base = dataclasses.replace(self.base, settings=self.settings(), force=False)
        if any(is_read_otherwise(prompt, base.machine()) for prompt in self.ranges.get(PROMPT, ())):
            words.append("--as-typed")
        return ["diffstyler", *base.words("sweep", words)]

    def command_line(self) -> str:
        """The same, shell-quoted, as UTF-8 text."""
        return joined(self.command_words())

    def _words(self, name: str) -> list[str]:
        if name == PROMPT:
            return [word for prompt in self.ranges[name] for word in ("--prompt", prompt)]
        return [options()[name].flag, render_values(self.ranges[name])]
