"""The schema as the table of fields in docs/metadata.md; `python -m diffstyler_cli.cli.reference` writes it there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from .schema import LARGEST, Record


def rows() -> Iterator[tuple[str, str, str]]:
    """Of every field its path ("prompts[].text"), what fits there, and what it is."""
    yield from _rows(inspect.type_info(Record), "")


def _rows(kind: inspect.Type, path: str) -> Iterator[tuple[str, str, str]]:
    match _plain(kind):
        case inspect.StructType() as part:
            for field in part.fields:
                inside = f"{path}.{field.encode_name}".removeprefix(".")
                what = field.type.extra_json_schema if isinstance(field.type, inspect.Metadata) else None
                yield inside, _words(field.type), (what or {}).get("description", "")
                yield from _rows(field.type, inside)
        case inspect.ListType() as rows:
            yield from _rows(rows.item_type, f"{path}[]")
        case inspect.DictType() as table:
            yield from _rows(table.value_type, f"{path}.*")


def _plain(kind: inspect.Type) -> inspect.Type:
    """A type without its sentence, and without the null and the nothing that may stand in its place."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return _plain(next(t for t in kind.types if not isinstance(t, inspect.NoneType)))
    return kind


def _null(kind: inspect.Type) -> bool:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return isinstance(kind, inspect.UnionType) and any(isinstance(t, inspect.NoneType) for t in kind.types)


def _words(kind: inspect.Type) -> str:
    match _plain(kind):
        case inspect.StructType():
            words = "table"
        case inspect.ListType(item_type=item, min_length=least, max_length=most):
            count = f"{least}" if least == most else f"at most {most:,}"
            words = f"list of {count}, each {_words(item)}"
        case inspect.DictType(value_type=value, max_length=most):
            words = f"table of at most {most:,} names, each {_words(value)}"
        case inspect.LiteralType(values=values):
            words = ", ".join(f'`"{value}"`' for value in values)
        case inspect.StrType(min_length=least, max_length=most):
            words = f"text, {f'{least} to' if least else 'at most'} {most:,} characters"
        case inspect.BoolType():
            words = "true or false"
        case inspect.IntType(ge=low, le=high):
            words = f"whole number, {_range(low, high)}"
        case inspect.FloatType(ge=low, le=high):
            words = "finite number" if low == -LARGEST else f"number, {_range(low, high)}"
        case other:
            raise TypeError(f"no words for {other}")
    return words + (", or null" if _null(kind) else "")


def _range(low: Any, high: Any) -> str:
    return f"{low:g} or more" if high == LARGEST else f"{_short(low)} to {_short(high)}"


def _short(number: float) -> str:
    for power in (31, 63):
        if number == 2**power - 1:
            return f"2^{power} - 1"
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"
