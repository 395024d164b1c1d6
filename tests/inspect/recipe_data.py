"""Recipes for tests: any that the schema allows, made from its types; and those damaged or written by nobody sane."""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType, structs

from diffstyler_cli.recipe import FIELDS, SCHEMA, Record

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\u202e\ud800 [red]$(touch owned)`touch owned`';touch owned;'"
NAMES = (
    "text", "weight", "name", "size", "start", "final", "value", "grad_norm", "sha256", "seed", "lam", "steps",
    "models", "photo", "instruction", "total", ESCAPES,
)  # fmt: skip
LEAVES = st.sampled_from([ESCAPES, "x" * 5000, 10**400, -1, 1e308, 5e-324, "", "lite", "../../etc/passwd", "a\0b"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
RECIPES = st.dictionaries(st.sampled_from([*FIELDS, ESCAPES]), VALUES, max_size=8)


def allowed(kind: Any, whole: bool = False, **bounds: Any) -> st.SearchStrategy[Any]:
    """Whatever a type of the schema allows, `whole` with no field left out; of lists and tables the short ones."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        for meta in parts[1:]:
            if meta.pattern is not None:
                return st.from_regex(meta.pattern)
            for name in ("ge", "le", "min_length", "max_length"):
                if getattr(meta, name) is not None:
                    bounds[name] = getattr(meta, name)
        return allowed(parts[0], whole, **bounds)
    if origin in (Union, types.UnionType):
        return st.one_of([allowed(part, whole, **bounds) for part in parts if not (whole and part is UnsetType)])
    if origin is Literal:
        return st.sampled_from(parts)
    least, most = bounds.get("min_length", 0), min(bounds.get("max_length", 8), 8)
    if origin is list:
        return st.lists(allowed(parts[0], whole), min_size=least, max_size=most if least else 3)
    if origin is dict:
        return st.dictionaries(allowed(parts[0]), allowed(parts[1], whole), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return st.fixed_dictionaries({f.name: allowed(f.type, whole) for f in structs.fields(kind)}).map(
            lambda t: kind(**t)
        )
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(min_size=least, max_size=most),
        bool: st.booleans(),
        types.NoneType: st.none(),
        UnsetType: st.just(UNSET),
    }
    low, high = bounds.get("ge"), bounds.get("le")
    if kind is int:
        return st.integers(None if low is None else int(low), None if high is None else int(high))
    if kind is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return plain[kind]


RECORDS = allowed(Record)
WHOLE = allowed(Record, whole=True)


@st.composite
def extended(draw: st.DrawFn) -> dict[str, Any]:
    """The JSON of a recipe in which this version knows not every field."""
    data: dict[str, Any] = draw(RECORDS).to_json()
    for table in parts_of(data):
        if draw(st.integers(0, 4)) == 0:
            table[draw(st.sampled_from(["depth", "of tomorrow", "a.b", ESCAPES]))] = draw(VALUES)
    return data


def parts_of(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The tables that have fields, in the JSON of a recipe that the schema allows."""
    yield data
    yield from (data[name] for name in ("input", "settings", "palette", "sweep") if name in data)
    yield from (*data.get("prompts", ()), *data.get("style_images", ()), *data.get("models", {}).values())
    places = data.get("places", {})
    yield from (*places.get("regions", ()), *(places[name] for name in ("mask", "lambda_mask") if name in places))
    for ends in data.get("losses", {}).values():
        yield ends
        yield from (ends[side] for side in ("start", "final") if side in ends)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A recipe with values of any kind in one to six places."""
    data = copy.deepcopy(draw(st.one_of(RECORDS.map(Record.to_json), st.just(GENUINE))))
    for _ in range(draw(st.integers(1, 6))):
        table: Any = data
        while True:
            keys = list(table) if isinstance(table, dict) else list(range(len(table)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(table[key], (dict, list)) and table[key] and draw(st.integers(0, 3)):
                table = table[key]
                continue
            table[key] = draw(VALUES)
            break
    return data


GENUINE: dict[str, Any] = {
    "schema": SCHEMA,
    "version": "0.1.0",
    "input": {"name": "photo.png", "size": [40, 30], "pixels_sha256": "0" * 64},
    "size": [32, 24],
    "prompts": [{"text": "oil painting", "weight": 2.0}, {"text": "mist", "weight": 1.4}],
    "style_images": [{"name": "s.png", "weight": 1.4, "pixels_sha256": "1" * 64}],
    "settings": {
        "lam": 0.5, "t1": "1.2x", "steps": 2, "solver": "ddim", "seed": 7, "size": 256, "models": "lite",
        "device": "cpu", "dtype": "fp32",
    },
    "t1_steps": 2,
    "dtype": "float32",
    "models": {"photo": {"name": "lite-photo", "parameters": 1000, "sha256": "0" * 64, "source": "built in"}},
    "overflowed": [],
    "libraries": {"torch": "2.0"},
    "losses": {"content": {side: {"value": 1.5, "weight": 2.0, "grad_norm": 0.5} for side in ("start", "final")}},
    "timings": {"prepare": 0.1, "total": 2.0},
    "steps": [{"content": 1.5}, {"content": 1.25}],
}  # fmt: skip
ANY = st.one_of(damaged(), extended(), RECIPES)
