"""The one schema of a recipe, the JSON that every picture carries: built, read and documented by these Structs.

A field of type `Maybe` is always given by whoever builds a recipe, and `UNSET` where one that was read does not say it;
any other field is one without which its part means nothing. Bounds are `msgspec.Meta`, and so are the sentences that
docs/metadata.md is made of. The order of the fields is that of the JSON. No torch, no Pillow.
"""

from __future__ import annotations

import numbers
import sys
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_type_hints

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, to_builtins

from .. import size
from ..config import MachineConfig, StylizeConfig, options

FAMILY = "diffstyler/"
SCHEMA = FAMILY + "1"
PER_STEP = "steps"
"""The field that may be left out where a file has too little room."""

MOST_LOSSES = 64
"""Names of losses in a recipe, those of all steps together."""

LARGEST = sys.float_info.max
"""Of a finite number."""

_MOST_STEPS = 4 * int(options()["steps"].high or 0)
"""Of all passes: after the first there are at most six, each of half its steps."""
_WEIGHTS = options()["prompt_weight"]

T = TypeVar("T")
Maybe: TypeAlias = T | UnsetType
"""Given by whoever builds a recipe; `UNSET` where one that was read does not say it."""

Text = Annotated[str, Meta(min_length=1, max_length=2**17)]  # as long as one argument of a command can be
Name = Annotated[str, Meta(max_length=1000)]
Key = Annotated[str, Meta(max_length=200)]
Digest = Annotated[str, Meta(max_length=64)]
Number = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Seconds = Annotated[float, Meta(ge=0, le=LARGEST)]
Weight = Annotated[float, Meta(ge=_WEIGHTS.low, le=_WEIGHTS.high)]
Size = Annotated[list[Annotated[int, Meta(ge=1, le=2**31 - 1)]], Meta(min_length=2, max_length=2)]
Count = Annotated[int, Meta(ge=0, le=10**15)]
TorchName = Literal["float32", "bfloat16", "float16"]

TORCH_NAMES: dict[str, TorchName] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""What torch calls each precision."""


def described(what: str) -> Meta:
    """A field's sentence in the docs."""
    return Meta(description=what)


class Part(Struct, forbid_unknown_fields=True):
    """A table in the JSON, with its fields by name."""

    def to_json(self) -> dict[str, Any]:
        """Plain lists, tables, texts and numbers, in the order of the schema; what is `UNSET` is left out."""
        plain: dict[str, Any] = to_builtins(self, enc_hook=_plain)
        return plain


def _plain(value: object) -> int | float | str:
    """What another library's number is in JSON; of anything else its text."""
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else str(value)


class Photo(Part):
    """The photo."""

    name: Annotated[Maybe[Name], described('its file name, without the folder; `"stdin"` where it was piped in')]
    size: Annotated[Maybe[Size], described("`[width, height]` in pixels after EXIF orientation")]
    pixels_sha256: Annotated[Maybe[Digest | None], described("hash of what a run sees of it, see below")]
    frame: Annotated[
        Maybe[Annotated[int, Meta(ge=1, le=1000)]], described("which frame or page of it, from 1, where one was named")
    ] = UNSET


class PromptRow(Part):
    """What the picture was to look like."""

    text: Annotated[Text, described("what was said; without it the row counts as damaged")]
    weight: Annotated[Maybe[Weight | None], described("the weight that it had in the end")]


class StyleRow(Part):
    """A picture whose style was asked for."""

    name: Annotated[Maybe[Name], described("its file name, without the folder")]
    weight: Annotated[Maybe[Weight | None], described("the weight that it had in the end")]
    pixels_sha256: Annotated[Maybe[Digest | None], described("as that of the photo")]


class PaletteRow(Part):
    """The picture whose colours were asked for."""

    name: Annotated[Maybe[Name], described("its file name, without the folder")]
    pixels_sha256: Annotated[Maybe[Digest | None], described("as that of the photo")]


class MaskRow(Part):
    """A grey picture that says where."""

    name: Annotated[
        Maybe[Name], described('its file name, without the folder; `"alpha"` for the photo\'s own transparency')
    ]
    pixels_sha256: Annotated[Maybe[Digest | None], described("as that of the photo; null for its transparency")]


class RegionRow(Part):
    """A part of the photo that has a prompt of its own."""

    name: Annotated[Maybe[Name], described("of its mask, as above")]
    pixels_sha256: Annotated[Maybe[Digest | None], described("of its mask, as above")]
    text: Annotated[Text, described("its prompt; without it the row counts as damaged")]
    weight: Annotated[Maybe[Weight | None], described("the weight that it had in the end")]


class PlaceRows(Part):
    """What was asked for at some places."""

    mask: Annotated[Maybe[MaskRow], described("what is stylised, where not all is")] = UNSET
    invert_mask: Annotated[Maybe[bool], described("whether black is what is stylised")] = UNSET
    feather: Annotated[
        Maybe[Annotated[int, Meta(ge=1, le=1000)]], described("pixels of the photo by which borders are softened")
    ] = UNSET
    regions: Annotated[
        Maybe[Annotated[list[RegionRow], Meta(max_length=1000)]], described("parts with prompts of their own")
    ] = UNSET
    lambda_mask: Annotated[Maybe[MaskRow], described("λ by place, where one number is not for all")] = UNSET


def _setting(name: str, hint: Any) -> tuple[str, Any]:
    """A setting's field, by its row in the table of options."""
    option = options()[name]
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    kind: Any = kinds[0]
    if name == "size":
        kind = Annotated[int, Meta(ge=size.LOW, le=size.HIGH)] | Annotated[str, Meta(pattern=size.PATTERN)]
        return name, Annotated[kind | UnsetType, described(option.help)]
    if option.choices:
        kind = Literal[option.choices]
    elif kind is str:
        kind = Annotated[str, Meta(max_length=200)]
    elif option.low is not None or option.high is not None:
        kind = Annotated[kind, Meta(ge=option.low, le=option.high)]
    elif kind is float:
        kind = Number
    if kinds != [hint]:
        kind = kind | None
    return name, Annotated[kind | UnsetType, described(option.help)]


_CONFIGS = (StylizeConfig, MachineConfig)
_SETTINGS = [_setting(*row) for config in _CONFIGS for row in get_type_hints(config).items()]


class Settings(defstruct("_Settings", _SETTINGS, bases=(Part,))):  # type: ignore[misc]  # its fields are known as it runs
    """Every setting of picture and machine by its name; models, device and dtype as they were chosen, never "auto"."""


class Model(Part):
    """One component of the model set."""

    name: Annotated[Maybe[Name], described("its proper name")]
    parameters: Annotated[Maybe[Count | None], described("how many it has")]
    sha256: Annotated[Maybe[Digest | None], described("of its weights")]
    source: Annotated[Maybe[Annotated[str, Meta(max_length=5000)]], described("where the weights came from")]
    revision: Annotated[
        Maybe[Name | None], described("the commit of their repository, or the version of their package")
    ] = UNSET
    licence: Annotated[Maybe[Name | None], described("as their publisher states it")] = UNSET


class Term(Part):
    """A loss at one step."""

    value: Annotated[Maybe[Number | None], described("without its weight")]
    weight: Annotated[Maybe[Number | None], described("its weight in the sum")]
    grad_norm: Annotated[Maybe[Number | None], described("norm of the weighted gradient: how hard it pulls")]


class LossEnds(Part):
    """A loss where sampling starts and where it ends."""

    start: Annotated[Maybe[Term], described("at the first step")]
    final: Annotated[Maybe[Term], described("at the last step")]


class SweepCell(Part):
    """Which picture of a sweep this is."""

    plan: Annotated[Maybe[Digest], described("fingerprint of the sweep")]
    cell: Annotated[Maybe[Annotated[int, Meta(ge=1, le=10**9)]], described("its number, from 1")]
    scores: Annotated[
        Maybe[Annotated[dict[Key, Number | None], Meta(max_length=MOST_LOSSES)]], described("its scores, by name")
    ]


class Record(Part):
    """A whole recipe."""

    schema: Annotated[Maybe[Key], described(f'`"{SCHEMA}"`')]
    version: Annotated[Maybe[Key], described("version of diffstyler")]
    input: Annotated[Maybe[Photo], described("the photo")]
    size: Annotated[Maybe[Size], described("`[width, height]` of the picture")]
    prompts: Annotated[Maybe[Annotated[list[PromptRow], Meta(max_length=1000)]], described("the prompts")]
    style_images: Annotated[Maybe[Annotated[list[StyleRow], Meta(max_length=1000)]], described("the style images")]
    settings: Annotated[
        Maybe[Settings],
        described(
            'every setting by its name in `StylizeConfig`; `models`, `device` and `dtype` as chosen, never "auto"'
        ),
    ]
    t1_steps: Annotated[Maybe[Annotated[int, Meta(ge=1, le=10**9)]], described("T1 in steps")]
    dtype: Annotated[Maybe[TorchName], described("torch's name of the dtype of the diffusion networks")]
    overflowed: Annotated[
        Maybe[Annotated[list[Key], Meta(max_length=32)]],
        described("roles of networks that overflowed in fp16 and went on in fp32"),
    ]
    models: Annotated[
        Maybe[Annotated[dict[Key, Model], Meta(max_length=32)]],
        described(
            "the components, by role: photo, art, encoder, features, aesthetic; with networks of others also codec and "
            "text, and art-text where the art network has a text encoder of its own"
        ),
    ]
    libraries: Annotated[
        Maybe[Annotated[dict[Key, Key], Meta(max_length=64)]], described("versions of torch and open_clip_torch")
    ]
    losses: Annotated[
        Maybe[Annotated[dict[Key, LossEnds], Meta(max_length=MOST_LOSSES)]], described("every loss, by name")
    ]
    timings: Annotated[
        Maybe[Annotated[dict[Key, Seconds | None], Meta(max_length=32)]],
        described("seconds by phase: `prepare`, `free`, `noise`, `sample`, and `total` of these"),
    ]
    steps: Annotated[
        Maybe[
            Annotated[
                list[Annotated[dict[Key, Number | None], Meta(max_length=MOST_LOSSES)]], Meta(max_length=_MOST_STEPS)
            ]
        ],
        described("by sampling step, each loss's value without its weight; left out where a JPEG has no room (64 kB)"),
    ]
    palette: Annotated[Maybe[PaletteRow], described("the picture of `--palette`, where one was given")] = UNSET
    quality: Annotated[
        Maybe[Annotated[int, Meta(ge=1, le=100)]], described("of the file, where `--quality` was given")
    ] = UNSET
    places: Annotated[Maybe[PlaceRows], described("what differs from place to place, if anything does")] = UNSET
    sweep: Annotated[Maybe[SweepCell], described("in a cell of a sweep: which one it is")] = UNSET


FIELDS = Record.__struct_fields__
"""Names of the fields of a recipe."""
