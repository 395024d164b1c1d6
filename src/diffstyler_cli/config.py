"""Every setting, once. Command-line options, embedded recipes and the reference in docs/ derive from this dataclass.

Importing this module costs nothing: no torch, no Pillow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import UsageError
from .naming import cut
from .size import Shape, Size
from .strength import MIDDLE, MOVED, moved
from .t1 import T1

SOLVERS = ("iplms", "plms", "plms2", "prk", "pie", "ddim", "dpmpp_2m")
GUIDES = ("art", "both", "none")
DISTANCES = ("cosine", "spherical")
DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "fp32", "bf16", "fp16")
MODEL_SETS = ("auto", "lite", "full", "sd15")
ART_MODELS = ("wikiart", "cc12m", "lite")
"""The networks of our own sets that can play the art role of the full one; `models.foreign` knows all others."""
LOSS_MODELS = ("lite", "full")

PANEL_STYLE = "Style and content"
PANEL_SAMPLING = "Sampling"
PANEL_LOSSES = "Losses"
PANEL_RUN = "Machine and models"


@dataclass(frozen=True)
class Option:
    """How a setting appears to a person: flag, help panel, the paper's symbol, valid range, one plain sentence."""

    flag: str
    panel: str
    help: str
    symbol: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    full: Any = None
    """Default with the full-size models, where it differs from the lite one."""
    alone: str = ""
    """What the flag means without a value; "" where it needs one."""
    takes: str = ""
    """What help calls the value of a text that may be anything, or of one with many choices."""
    common: tuple[str, ...] = ()
    """Values of such a text that a shell offers."""


def _option(default: Any, flag: str, panel: str, help: str, **kwargs: Any) -> Any:
    return field(default=default, metadata={"option": Option(flag, panel, help, **kwargs)})


@dataclass(frozen=True)
class StylizeConfig:
    """The settings of one stylised picture, whatever it is computed on.

    Defaults are the lite models'; `defaults("full")` gives the full set's.

    `validate()` raises `UsageError` on the first value out of range. Equations: Huang et al. 2022 (arXiv 2211.10682).
    """

    # --- style and content -------------------------------------------------------------------------------------------
    strength: float = _option(
        MIDDLE, "--strength", PANEL_STYLE,
        "One dial from the photo (0) to the style (1): moves --t1, --fresh-noise, --prompt-weight and --guidance-scale "
        "where they are not given.",
        low=0.0, high=1.0)  # fmt: skip
    lam: float = _option(
        0.9, "--lambda", PANEL_STYLE, "Share of the photo network; the art network gets the rest.",
        symbol="λ", low=0.0, high=1.0, full=0.8)  # fmt: skip
    t1: str = _option(
        "1.1x", "--t1", PANEL_STYLE,
        "Length of free diffusion, in steps or as a multiple of --steps: larger keeps more of the photo.",
        symbol="T1", full="1.2x")  # fmt: skip
    prompt_weight: float = _option(
        1.4, "--prompt-weight", PANEL_STYLE, 'Weight of a prompt that has none of its own ("oil painting:4" has).',
        symbol="w", low=-30.0, high=30.0, full=3.0)  # fmt: skip
    fresh_noise: float = _option(
        0.3, "--fresh-noise", PANEL_STYLE, "Share of new noise at the start: texture for flat regions to grow on.",
        symbol="ρ", low=0.0, high=1.0, full=0.0)  # fmt: skip
    keep_color: float = _option(
        0.0, "--keep-color", PANEL_STYLE,
        "Share of the photo's own colours in the result, whose lights and darks stay; alone it means 1.",
        low=0.0, high=1.0, alone="1")  # fmt: skip
    # --- sampling ----------------------------------------------------------------------------------------------------
    steps: int = _option(12, "--steps", PANEL_SAMPLING, "Sampling steps.", symbol="T", low=1, high=1000, full=50)
    solver: str = _option(
        "dpmpp_2m",
        "--solver",
        PANEL_SAMPLING,
        "Numerical method for the reverse process.",
        choices=SOLVERS,
        full="iplms",
    )
    round_trip: bool = _option(
        False, "--round-trip", PANEL_SAMPLING, "Run free diffusion up to T1 and back to T, as in the paper's figure."
    )
    noise_iters: int = _option(
        0, "--noise-iters", PANEL_SAMPLING, "Adam updates of the learnable noise before sampling starts.",
        symbol="K", low=0, high=1000,
    )  # fmt: skip
    seed: int | None = _option(
        None, "--seed", PANEL_SAMPLING, "Seed of every random draw; drawn and recorded if not given.",
        low=0, high=2**63 - 1,
    )  # fmt: skip
    size: int | str = _option(
        512, "--size", PANEL_SAMPLING,
        "About N x N pixels, what fits into WxH, or the photo's size.",
        full=256,
    )  # fmt: skip
    working_size: int = _option(
        256, "--working-size", PANEL_SAMPLING,
        "Size of the first pass, which decides on colours and large forms; a larger picture is refined in passes, each "
        "about twice as large.",
        low=64, high=4096,
    )  # fmt: skip
    stroke_scale: float = _option(
        1.0, "--stroke-scale", PANEL_SAMPLING,
        "Beyond about 700 pixels: 1 lets strokes grow with the picture, 0 keeps them fine.",
        low=0.0, high=1.0,
    )  # fmt: skip
    tile: int = _option(
        768, "--tile", PANEL_SAMPLING,
        "A pass of more than TILE x TILE pixels is drawn in overlapping tiles of at most that size: less memory.",
        low=128, high=4096, full=512,
    )  # fmt: skip
    # --- losses ------------------------------------------------------------------------------------------------------
    guidance_scale: float = _option(
        3.0, "--guidance-scale", PANEL_LOSSES, "Strength of the loss guidance at every step; 0 turns it off.",
        symbol="γ", low=0.0, high=1000.0, full=1.0)  # fmt: skip
    guide: str = _option(
        "art", "--guide", PANEL_LOSSES, "Networks that the gradient is taken through; none is fastest.", choices=GUIDES
    )
    w_instruction: float = _option(
        500.0, "--w-instruction", PANEL_LOSSES, "Weight of the text instruction loss.",
        symbol="w_ins", low=0.0, high=1e6,
    )  # fmt: skip
    w_content: float = _option(
        100.0,
        "--w-content",
        PANEL_LOSSES,
        "Weight of the content perceptual loss.",
        symbol="w_con",
        low=0.0,
        high=1e6,
        full=3.0,
    )
    w_nce: float = _option(
        50.0,
        "--w-nce",
        PANEL_LOSSES,
        "Weight of the patchwise contrastive loss.",
        symbol="w_nce",
        low=0.0,
        high=1e6,
        full=1.0,
    )
    w_aesthetic: float = _option(
        10.0,
        "--w-aesthetic",
        PANEL_LOSSES,
        "Weight of the aesthetic loss.",
        symbol="w_aes",
        low=0.0,
        high=1e6,
        full=1.0,
    )
    w_tv: float = _option(
        1000.0,
        "--w-tv",
        PANEL_LOSSES,
        "Weight of the total variation loss.",
        symbol="w_tv",
        low=0.0,
        high=1e6,
        full=1.0,
    )
    distance: str = _option(
        "cosine", "--distance", PANEL_LOSSES, "Distance of the instruction loss.", choices=DISTANCES
    )
    cutouts: int = _option(
        8, "--cutouts", PANEL_LOSSES, "Random cutouts that the instruction loss looks at.", low=1, high=256
    )

    @classmethod
    def defaults(cls, model_set: str = "lite", strength: float = MIDDLE) -> StylizeConfig:
        """The defaults of a model set, "lite" or "full", at a strength. Raises `UsageError` for one outside [0, 1]."""
        config = cls()
        if model_set == "full":
            config = dataclasses.replace(
                config, **{name: o.full for name, o in options(StylizeConfig).items() if o.full is not None}
            )
        _check_range(options()["strength"], strength)
        if strength == MIDDLE:
            return config
        return dataclasses.replace(config, strength=strength, **moved(strength, vars(config), model_set))

    def with_overrides(self, settings: Mapping[str, Any], model_set: str = "lite") -> StylizeConfig:
        """A copy with some fields replaced; a strength among them moves what it moves, where that is not among them.

        Args:
            settings: values by field name.
            model_set: "lite" or "full", along whose path a strength goes.

        Raises:
            UsageError: a name that is no setting of a picture; a strength outside [0, 1].
        """
        for name in settings:
            if name in options(MachineConfig):
                raise UsageError(
                    f"{name} is a setting of the loaded models, not of a picture.",
                    f"Give it to Stylizer.load: Stylizer.load({name}=...).",
                )
            if name not in options(StylizeConfig):
                raise UsageError(f"There is no setting {name!r}.", f"Settings: {', '.join(options(StylizeConfig))}.")
        if "strength" in settings:
            path = StylizeConfig.defaults(model_set, settings["strength"])
            settings = {name: getattr(path, name) for name in MOVED} | dict(settings)
        return dataclasses.replace(self, **settings)

    def t1_steps(self) -> int:
        """T1 in steps, never below T. Raises `UsageError` for text that is no length or for T1 < T."""
        return T1.parse(self.t1).steps(self.steps)

    def pass_sizes(self, photo: Shape) -> tuple[Shape, ...]:
        """(width, height) of the passes that draw the picture of a photo of that size, without padding.

        From the working size by about doublings to the result's own, as `Size.passes`.
        """
        return Size.parse(self.size).passes(photo, self.working_size)

    def result_size(self, photo: Shape) -> Shape:
        """(width, height) of the picture of a photo of that size."""
        return Size.parse(self.size).result(photo)

    def pass_steps(self, number: int) -> int:
        """Steps of T that pass `number` (from 0) takes: all, then the last half, which draws what is small.

        Each pass after that takes half of them again, so that it sharpens the strokes that are there, or, at a
        `stroke_scale` of 0, as many, so that it draws its own.
        """
        halvings = 0.0 if number == 0 else 1 + self.stroke_scale * (number - 1)
        return math.ceil(self.steps / 2**halvings)

    def validate(self) -> StylizeConfig:
        """Returns self; raises `UsageError` naming the flag, the value and the range."""
        _check(self)
        Size.parse(self.size)
        self.t1_steps()
        return self

    def no_round_trip(self) -> str:
        """Why the round trip that is asked for has no way to go; "" where it has one, or none is asked for."""
        if not self.round_trip or self.t1_steps() > self.steps:
            return ""
        return f"--round-trip has no way to go: --t1 {self.t1} is --steps {self.steps}."


@dataclass(frozen=True)
class MachineConfig:
    """Which models, where and how precisely: what `Stylizer.load` is told, and what no run can change afterwards."""

    models: str = _option(
        "auto", "--models", PANEL_RUN,
        "Model set; auto takes full when all its files are there, sd15 is --photo-model sd15.", choices=MODEL_SETS,
        takes="NAME",
    )  # fmt: skip
    art_model: str | None = _option(
        None, "--art-model", PANEL_RUN,
        "Who plays the art role: wikiart, the full set's own (default); cc12m, its photo network told to paint; lite, "
        "the built-in one; or wikiart-ddpm, OWNER/NAME[@REVISION] of the Hub, a folder, a plug-in.",
        takes="NAME|PATH", common=(*ART_MODELS, "wikiart-ddpm", "sd15"),
    )  # fmt: skip
    device: str = _option("auto", "--device", PANEL_RUN, "Where to compute.", choices=DEVICES)
    dtype: str = _option(
        "auto", "--dtype", PANEL_RUN, "Precision of the diffusion networks; auto takes the fastest that is safe.",
        choices=DTYPES,
    )  # fmt: skip
    photo_model: str | None = _option(
        None, "--photo-model", PANEL_RUN,
        "Who plays the photo role in the place of the set's own network: sd15, OWNER/NAME[@REVISION] of the Hub, a "
        "folder, a plug-in.",
        takes="NAME|PATH", common=("sd15",),
    )  # fmt: skip
    loss_models: str | None = _option(
        None, "--loss-models", PANEL_RUN,
        "Whose networks the losses look through, beside --photo-model; full where all of them are cached if left out.",
        choices=LOSS_MODELS,
    )  # fmt: skip

    @property
    def likely_set(self) -> str:
        """ "lite" or "full": the set whose defaults the settings have, as far as that is seen without looking."""
        return "full" if self.models in ("full", "sd15") or self.photo_model is not None else "lite"

    def validate(self) -> MachineConfig:
        """Returns self; raises `UsageError` naming the flag, the value and the choices."""
        _check(self)
        return self


def options(*configs: type[StylizeConfig] | type[MachineConfig]) -> dict[str, Option]:
    """Every setting's `Option`, by field name, in the order in which help and recipes show them.

    Of all settings, those of the picture first, or of the given class alone.
    """
    classes = configs or (StylizeConfig, MachineConfig)
    return {f.name: f.metadata["option"] for config in classes for f in dataclasses.fields(config)}


def kind_of(name: str) -> str:
    """A setting's kind: "float", "int", "bool", "str", or "int | str". Raises `KeyError` for a name that is none."""
    kinds = {f.name: str(f.type) for config in (StylizeConfig, MachineConfig) for f in dataclasses.fields(config)}
    return kinds[name].removesuffix(" | None")


def default_of(name: str, model_set: str = "lite", strength: float = MIDDLE) -> Any:
    """A setting's default with a model set, "lite" or "full", at a strength."""
    picture = StylizeConfig.defaults(model_set, strength)
    return getattr(picture if name in options(StylizeConfig) else MachineConfig, name)


def _check(config: StylizeConfig | MachineConfig) -> None:
    for name, o in options(type(config)).items():
        value = getattr(config, name)
        if o.choices and value is not None and value not in o.choices:
            raise UsageError(
                f"{o.flag} {cut(str(value))} is not one of {', '.join(o.choices)}.", f"Try {o.flag} {o.choices[0]}."
            )
        if value is not None and not isinstance(value, (str, bool)):
            _check_range(o, value)


def _check_range(option: Option, value: float) -> None:
    low = -math.inf if option.low is None else option.low
    high = math.inf if option.high is None else option.high
    if not (low <= value <= high):  # NaN is in no range
        raise UsageError(
            f"{option.flag} {shown(value)} is outside [{shown(low)}, {shown(high)}].",
            f"Give {option.flag} a value in that range; see diffstyler stylize --help-all.",
        )


def shown(value: float) -> str:
    """A number in a message: whole ones up to 20 digits as they are, others short."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"
    return f"{value:g}"
