"""What a `stylize` command line asks for, which combinations make no sense, and the line that asks for the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...config import ART_MODELS, MachineConfig, StylizeConfig, default_of, options
from ...errors import UsageError, WeightsError
from ...naming import cut, without_secrets
from ...pipeline.places import NOWHERE, Places
from ...prompts import Prompt, StyleImage, parse_prompt, parse_style_image
from ...remote import Place, is_folder, place_of
from ...size import LARGEST_DRAWN
from ...strength import MOVED
from ..options import CAMERA, KEEP_EXIF_FLAG, arguments
from ..terminal.shell import joined
from . import masks
from .typed import forgotten_quotes, is_read_otherwise, no_word

LOSS_OPTIONS = ("w_instruction", "w_content", "w_nce", "w_aesthetic", "w_tv", "distance", "cutouts")


@dataclass(frozen=True)
class Request:
    """One `stylize`, as given: `settings` holds only what was given; "-" is standard input or output."""

    image: str | None
    prompts: tuple[str, ...] = ()
    style_images: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Path] = field(default_factory=dict)
    """Files by the key of their role."""
    palette: str | None = None
    """The picture whose colours the result gets."""
    output: str | None = None
    format: str | None = None
    """Of automatic names and of standard output, as --format names it."""
    quality: int | None = None
    keep_exif: str | None = None
    """"camera" or "all"."""
    variations: int = 1
    force: bool = False
    metadata: bool = True
    frame: int | None = None
    """Which frame or page of the photo, from 1."""
    max_pixels: int | None = None
    preview: bool = False
    preview_path: Path | None = None
    dry_run: bool = False
    places: Places = NOWHERE
    """Masks as paths."""

    def config(self, model_set: str) -> StylizeConfig:
        """The picture's settings, with the defaults of a model set ("lite", "full"). Raises `UsageError` for one out of
        range."""
        given = {name: value for name, value in self.settings.items() if name in options(StylizeConfig)}
        return StylizeConfig.defaults(model_set).with_overrides(given, model_set).validate()

    def machine(self) -> MachineConfig:
        """The machine's settings. Raises `UsageError` for one that is no choice."""
        given = {name: value for name, value in self.settings.items() if name in options(MachineConfig)}
        return MachineConfig(**given).validate()

    def parsed_prompts(self) -> list[Prompt]:
        """The prompts with their weights. Raises `UsageError`."""
        return [parse_prompt(prompt) for prompt in self.prompts]

    def parsed_style_images(self) -> list[StyleImage]:
        """The style images with their weights. Raises `UsageError`."""
        return [parse_style_image(path) for path in self.style_images]

    def asks(self) -> bool:
        """Whether it says what the picture should look like, or some part of it."""
        return bool(self.prompts or self.style_images or self.places.regions)

    def all_prompts(self) -> list[Prompt]:
        """The prompts, and after them those of the regions. Raises `UsageError`."""
        return [*self.parsed_prompts(), *self.places.prompts()]

    def inputs(self) -> list[Place]:
        """Every file that is read: photo, style images, palette, masks, weights, those of the configuration, too.

        Raises `UsageError` where the configuration cannot be used.
        """
        from ...weights.settings import read_settings

        photo = [] if self.image in (None, "-") else [place_of(str(self.image))]
        styles = [style.path for style in self.parsed_style_images()]
        palette = [] if self.palette is None else [Path(self.palette)]
        grey = [Path(path) for _, path in masks.files(self.places)]
        return [*photo, *styles, *palette, *grey, *read_settings(paths=self.weights).paths.values()]

    def with_settings(self, **settings: Any) -> Request:
        """The same request with these settings changed."""
        return dataclasses.replace(self, settings={**self.settings, **settings})

    def suffix(self) -> str:
        """Of automatic names and of what goes to standard output."""
        return f".{(self.format or 'png').lower()}"

    def words(self, command: str = "stylize", options: Sequence[str] = ()) -> list[str]:
        """The words after `diffstyler` that ask for the same picture; how it is shown and watched is left out.

        `options` are further ones, of another `command`.
        """
        operands = [] if self.image is None else [_path(self.image)]
        operands += self.prompts
        words: list[str] = []
        for style in self.style_images:
            words += ["--style-image", _path(style)]
        if self.palette is not None:
            words += ["--palette", _path(self.palette)]
        words += [*masks.words(self.places), *options, *arguments(self.settings)]
        for key, path in self.weights.items():
            words += [f"--{key}-weights", str(path)]
        if self.output:
            words += ["-o", without_secrets(self.output)]
        if self.format is not None:
            words += ["--format", self.format]
        if self.quality is not None:
            words += ["--quality", str(self.quality)]
        if self.keep_exif is not None:
            words.append(KEEP_EXIF_FLAG + (f"={self.keep_exif}" if self.keep_exif != CAMERA else ""))
        if self.variations != 1:
            words += ["-n", str(self.variations)]
        if self.frame is not None:
            words += ["--frame", str(self.frame)]
        if self.max_pixels is not None:
            words += ["--max-pixels", str(self.max_pixels)]
        words += ["--as-typed"] * self.reads_otherwise()
        words += ["--no-metadata"] * (not self.metadata) + ["--force"] * self.force
        # a prompt that starts with "-" has to stand behind "--"
        last = any(word.startswith("-") for word in self.prompts)
        return [command, *([*words, "--", *operands] if last else [*operands, *words])]

    def reads_otherwise(self) -> bool:
        """Whether these prompts, typed anew, would be taken for others."""
        machine = self.machine()
        texts = [*self.prompts, *masks.prompts(self.places)]
        return bool(forgotten_quotes(self.prompts)) or any(is_read_otherwise(text, machine) for text in texts)

    def command_words(self) -> list[str]:
        """The whole command of `words`."""
        return ["diffstyler", *self.words()]

    def command_line(self) -> str:
        """The shell-quoted command of `words`, as UTF-8 text."""
        return joined(self.command_words())


def check(request: Request) -> None:
    """Raises `UsageError` for the first option that would have no effect on this run, and for values out of range."""
    config = request.config(request.machine().likely_set)
    last_seed = options()["seed"].high
    if config.seed is not None and last_seed is not None and config.seed + request.variations - 1 > last_seed:
        raise UsageError(f"--seed {config.seed} leaves no seeds for {request.variations} variations.", "Lower --seed.")
    masks.check(request.places)
    if [request.image, *masks.given(request.places)].count("-") > 1:
        raise UsageError('Standard input ("-") can be read once.', "Give the photo or the mask as a file.")
    _check_prompts(request, config)
    check_file(request)
    if request.palette == "-":
        raise UsageError("--palette takes a file, not standard input.", "Name a picture.")
    if request.palette is not None and config.keep_color == 1:
        raise UsageError(
            "--palette has no colours to give: --keep-color 1 takes all of them from the photo.",
            "Leave one out, or lower --keep-color.",
        )
    for names, message, advice in _idle_options(request, config):
        if names:
            raise UsageError(message, advice)
    for key, path in request.weights.items():
        if not path.is_file():
            raise WeightsError(f"--{key}-weights {path}: there is no such file.", "Give the path of a weight file.")


def check_file(request: Request) -> None:
    """Raises `UsageError` for --format, --quality or --keep-exif that make no sense, alone or beside -o."""
    if request.format is None and request.quality is None and request.keep_exif is None:
        return
    from ...images.encode import CHOICES, FORMATS, SUFFIXES

    file = request.output not in (None, "-") and not is_folder(place_of(str(request.output)))
    if request.format is not None and f".{request.format.lower()}" not in SUFFIXES:
        raise UsageError(f"--format {cut(request.format)} cannot be written.", f"Give one of {', '.join(CHOICES)}.")
    if request.format is not None and file:
        raise UsageError(
            "--format has no effect beside -o FILE: the suffix says the format.", "Leave it out, or change the suffix."
        )
    name = SUFFIXES.get(place_of(str(request.output)).suffix.lower() if file else request.suffix())
    if request.quality is not None and name is not None and not FORMATS[name].lossy:
        raise UsageError(
            f"--quality has no effect with {name}, which loses nothing.",
            "Leave it out, or write .jpg, .webp or .avif (-o FILE or --format).",
        )
    if request.keep_exif not in (None, CAMERA, "all"):
        raise UsageError(
            f"{KEEP_EXIF_FLAG}={cut(str(request.keep_exif))} is nothing that can be kept.",
            f"Give {KEEP_EXIF_FLAG}, or {KEEP_EXIF_FLAG}=all for the place, too.",
        )


def _check_prompts(request: Request, config: StylizeConfig) -> None:
    prompts = request.parsed_prompts()
    for prompt in prompts:
        if not any(character.isalnum() for character in prompt.text):
            raise no_word(prompt)
    asked: list[Prompt | StyleImage] = [*request.all_prompts(), *request.parsed_style_images()]
    weights = [config.prompt_weight if part.weight is None else part.weight for part in asked]
    if weights and not any(weights) and (config.guidance_scale > 0 or config.noise_iters > 0):
        raise UsageError(
            "Every prompt has the weight 0, so the losses have nothing to steer to.",
            "Give a prompt a weight, or --guidance-scale 0.",
        )


def without_idle(request: Request, among: Collection[str] | None = None) -> Request:
    """The same request without the settings that `check` refuses because they would have no effect.

    `among` names those that may go; None for any.
    """
    config = request.config(request.machine().likely_set)
    idle = {name for names, _, _ in _idle_options(request, config) for name in names}
    idle &= set(request.settings if among is None else request.settings.keys() & set(among))
    if not idle:
        return request
    kept = {name: value for name, value in request.settings.items() if name not in idle}
    return without_idle(dataclasses.replace(request, settings=kept), among)


def _idle_options(request: Request, config: StylizeConfig) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Rows of: the settings of this request that would do nothing; the message; the advice."""
    given, machine = request.settings, request.machine()
    yield (
        ("art_model",) if machine.art_model in ART_MODELS and machine.models == "lite" else (),
        "--art-model has no effect with --models lite, which has an art network of its own.",
        "Give --models full, or leave --art-model out.",
    )
    yield (
        ("photo_model",) if machine.photo_model is not None and machine.models == "lite" else (),
        "--photo-model has no effect with --models lite, which has a photo network of its own.",
        "Give --models full, or leave --photo-model out.",
    )
    yield (
        ("loss_models",)
        if machine.loss_models is not None and machine.photo_model is None and machine.models != "sd15"
        else (),
        "--loss-models has no effect without --photo-model: the losses look through the set's own networks.",
        "Leave it out, or give --photo-model.",
    )

    yield (
        ("lam",) if "lam" in given and request.places.lambda_mask is not None else (),
        "--lambda has no effect beside --lambda-mask, which says it for each place.",
        "Leave one of them out.",
    )
    yield (
        ("strength",) if "strength" in given and set(MOVED) <= set(given) else (),
        f"--strength has no effect: {_flags(MOVED)} are all given.",
        "Leave --strength out, or one of them.",
    )
    plain = dataclasses.replace(config, working_size=default_of("working_size"))
    yield (
        ("working_size",) if "working_size" in given and _same_passes(plain, config) else (),
        f"--working-size {config.working_size} changes nothing for a picture of --size {config.size}.",
        "Raise --size, or leave --working-size out.",
    )
    scaled = dataclasses.replace(config, stroke_scale=1.0 - default_of("stroke_scale"))
    yield (
        ("stroke_scale",) if "stroke_scale" in given and _same_steps(scaled, config) else (),
        f"--stroke-scale changes nothing for a picture of --size {config.size}, which is drawn in two passes at most.",
        "Raise --size, or leave --stroke-scale out.",
    )
    yield (
        ("tile",)
        if "tile" in given and isinstance(config.size, int) and config.tile >= min(config.size, LARGEST_DRAWN)
        else (),
        f"--tile {config.tile} changes nothing for a picture of --size {config.size}.",
        "Lower --tile, or leave it out.",
    )
    losses = {name: getattr(config, name) for name in LOSS_OPTIONS if name.startswith("w_")}
    unguided = config.guidance_scale == 0 and config.noise_iters == 0
    yield (
        ("guide",) if "guide" in given and unguided else (),
        "--guide has no effect with --guidance-scale 0.",
        "Raise --guidance-scale, or leave --guide out.",
    )
    named = tuple(name for name in LOSS_OPTIONS if name in given)
    yield (
        named if unguided else (),
        f"{_flags(named)}: --guidance-scale 0 turns the losses off.",
        "Raise --guidance-scale, or leave the loss options out.",
    )
    on = tuple(name for name in ("guidance_scale", "guide", "noise_iters") if given.get(name))
    yield (
        on if not any(losses.values()) else (),
        f"{_flags(on)}: every loss weight is 0.",
        "Give at least one loss a weight, such as --w-instruction 500.",
    )
    # the aesthetic loss rates the same cutouts, so --cutouts still means something while it is on
    idle = tuple(n for n in ("cutouts", "distance") if n in given and not (n == "cutouts" and config.w_aesthetic))
    yield (
        idle if config.w_instruction == 0 else (),
        f"{_flags(idle)}: --w-instruction 0 turns the instruction loss off.",
        "Raise --w-instruction, or leave the option out.",
    )
    yield (
        ("round_trip",) if config.no_round_trip() else (),
        config.no_round_trip(),
        "Raise --t1, for example --t1 1.2x.",
    )
    asked: list[Prompt | StyleImage] = [*request.all_prompts(), *request.parsed_style_images()]
    weighted = bool(asked) and all(prompt.weight is not None for prompt in asked)
    yield (
        ("prompt_weight",) if "prompt_weight" in given and weighted else (),
        "--prompt-weight has no effect: every prompt has a weight of its own.",
        "Leave --prompt-weight out, or a prompt's own weight.",
    )


def _same_passes(one: StylizeConfig, other: StylizeConfig) -> bool:
    """Whether any photo is drawn in the same passes, as far as that is seen without it."""
    square = (4096, 4096)
    return isinstance(one.size, int) and one.pass_sizes(square) == other.pass_sizes(square)


def _same_steps(one: StylizeConfig, other: StylizeConfig) -> bool:
    passes = range(len(one.pass_sizes((4096, 4096))) if isinstance(one.size, int) else 4)
    return [one.pass_steps(n) for n in passes] == [other.pass_steps(n) for n in passes]


def _flags(names: Iterable[str]) -> str:
    return ", ".join(options()[name].flag for name in names)


def _path(word: str) -> str:
    """A path that the option parser does not take for an option; an address without its secrets."""
    return f"./{word}" if word.startswith("-") and word != "-" else without_secrets(word)
