"""What a `stylize` command line asks for, which combinations make no sense, and the line that asks for the same."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import StylizeConfig, WeightPaths, options
from ..errors import UsageError, WeightsError
from ..prompts import Prompt, StyleImage, parse_prompt, parse_style_image
from .options import arguments

LOSS_OPTIONS = ("w_instruction", "w_content", "w_nce", "w_aesthetic", "w_tv", "distance", "cutouts")


@dataclass(frozen=True)
class Request:
    """One `stylize`, as given: `settings` holds only what was given; "-" is standard input or output."""

    image: str | None
    prompts: tuple[str, ...] = ()
    style_images: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: WeightPaths = field(default_factory=WeightPaths)
    output: str | None = None
    variations: int = 1
    force: bool = False
    metadata: bool = True
    max_pixels: int | None = None
    preview: bool = False
    preview_path: Path | None = None

    def config(self, model_set: str) -> StylizeConfig:
        """All settings, with the defaults of a model set ("lite", "full"). Raises `UsageError` for one out of range."""
        return dataclasses.replace(StylizeConfig.defaults(model_set), **self.settings).validate()

    def parsed_prompts(self) -> list[Prompt]:
        """The prompts with their weights. Raises `UsageError`."""
        return [parse_prompt(prompt) for prompt in self.prompts]

    def parsed_style_images(self) -> list[StyleImage]:
        """The style images with their weights. Raises `UsageError`."""
        return [parse_style_image(path) for path in self.style_images]

    def with_settings(self, **settings: Any) -> Request:
        """The same request with these settings changed."""
        return dataclasses.replace(self, settings={**self.settings, **settings})

    def command_line(self) -> str:
        """The shell-quoted command that asks for the same picture; how it is shown and watched is left out."""
        words = [_operand(word) for word in (self.image, *self.prompts) if word is not None]
        for style in self.style_images:
            words += ["--style-image", style]
        words += arguments(self.settings)
        for name, path in _given_weights(self.weights):
            words += [f"--{name}-weights", str(path)]
        if self.output:
            words += ["-o", self.output]
        if self.variations != 1:
            words += ["-n", str(self.variations)]
        if self.max_pixels is not None:
            words += ["--max-pixels", str(self.max_pixels)]
        words += ["--no-metadata"] * (not self.metadata) + ["--force"] * self.force
        return shlex.join(["diffstyler", "stylize", *words])


def check(request: Request) -> None:
    """Raises `UsageError` for the first option that would have no effect on this run, and for values out of range."""
    config = request.config("full" if request.settings.get("models") == "full" else "lite")
    last_seed = options()["seed"].high
    if config.seed is not None and last_seed is not None and config.seed + request.variations - 1 > last_seed:
        raise UsageError(f"--seed {config.seed} leaves no seeds for {request.variations} variations.", "Lower --seed.")
    for idle, message, advice in _idle_options(request, config):
        if idle:
            raise UsageError(message, advice)
    for name, path in _given_weights(request.weights):
        if not path.is_file():
            raise WeightsError(f"--{name}-weights {path}: there is no such file.", "Give the path of a weight file.")


def _idle_options(request: Request, config: StylizeConfig) -> Iterator[tuple[bool, str, str]]:
    """Rows of: does this request have an option that would do nothing; the message; the advice."""
    given = request.settings
    weights = [f"--{name}-weights" for name, _ in _given_weights(request.weights)]
    yield (
        bool(weights) and config.models == "lite",
        f"{', '.join(weights)}: --models lite uses only the built-in weights.",
        "Give --models full, or leave the weights out.",
    )

    losses = {name: getattr(config, name) for name in LOSS_OPTIONS if name.startswith("w_")}
    guided, tuned = config.guidance_scale > 0, config.noise_iters > 0
    yield (
        "guide" in given and not guided and not tuned,
        "--guide has no effect with --guidance-scale 0.",
        "Raise --guidance-scale, or leave --guide out.",
    )
    named = [options()[name].flag for name in LOSS_OPTIONS if name in given]
    yield (
        bool(named) and not guided and not tuned,
        f"{', '.join(named)}: --guidance-scale 0 turns the losses off.",
        "Raise --guidance-scale, or leave the loss options out.",
    )
    on = [name for name in ("guidance_scale", "guide", "noise_iters") if given.get(name)]
    yield (
        not any(losses.values()) and bool(on),
        f"{', '.join(options()[name].flag for name in on)}: every loss weight is 0.",
        "Give at least one loss a weight, such as --w-instruction 500.",
    )
    idle = [name for name in ("cutouts", "distance") if name in given]
    # the aesthetic loss rates the same cutouts, so --cutouts still means something while it is on
    if config.w_aesthetic and "cutouts" in idle:
        idle.remove("cutouts")
    yield (
        bool(idle) and config.w_instruction == 0,
        f"{', '.join(options()[name].flag for name in idle)}: --w-instruction 0 turns the instruction loss off.",
        "Raise --w-instruction, or leave the option out.",
    )
    yield (
        config.round_trip and config.t1_steps() == config.steps,
        f"--round-trip has no way to go: --t1 {config.t1} is --steps {config.steps}.",
        "Raise --t1, for example --t1 1.2x.",
    )
    asked: list[Prompt | StyleImage] = [*request.parsed_prompts(), *request.parsed_style_images()]
    yield (
        "prompt_weight" in given and bool(asked) and all(prompt.weight is not None for prompt in asked),
        "--prompt-weight has no effect: every prompt has a weight of its own.",
        "Leave --prompt-weight out, or a prompt's own weight.",
    )


def _given_weights(weights: WeightPaths) -> list[tuple[str, Path]]:
    paths = ((f.name, getattr(weights, f.name)) for f in dataclasses.fields(weights))
    return [(name, path) for name, path in paths if path is not None]


def _operand(word: str) -> str:
    """A word that the option parser takes for an operand: one that starts with "-" is a path or text, so protect it."""
    return f"./{word}" if word.startswith("-") and word != "-" else word
