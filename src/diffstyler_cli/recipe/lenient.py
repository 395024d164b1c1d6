"""Reading JSON that nobody vouches for into Structs: what fits the schema is taken, the rest is named and left out."""

from __future__ import annotations

import math
import operator
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert, structs

MOST_NAMED = 100
"""Values that do not fit are named up to this many; beyond, they are counted."""
LONGEST_NAME = 80
"""Characters of a name in such a path."""

S = TypeVar("S", bound=Struct)
Path = tuple[str | int, ...]


@dataclass
class Reader:
    """Reads values by their types, in time proportional to the data.

    Attributes:
        odd: paths ("prompts.2.weight") of the first `MOST_NAMED` values that are of the wrong kind or out of bounds.
        odd_count: how many there are.
        unknown: where in the result each field would stand that the schema lacks, and its value.
    """

    odd: list[str] = field(default_factory=list)
    odd_count: int = 0
    unknown: list[tuple[Path, Any]] = field(default_factory=list)

    def read(self, kind: type[S], data: Mapping[str, Any]) -> S:
        """A `kind` of what `data` says, its fields `UNSET` where it says nothing or nothing that fits.

        Every field of `kind` itself must allow `UNSET`; one below that does not is needed for its part to be taken.
        """
        found: S = self._struct(kind, data, (), ())
        return found

    def leave_out(self, *path: str | int) -> UnsetType:
        """Names a value as one that does not fit."""
        self.odd_count += 1
        if self.odd_count <= MOST_NAMED:
            self.odd.append(dotted(path))
        return UNSET

    # Everything below gets the value, its path in the data, and its place in the result, where what does not fit is
    # gone from the lists; it returns UNSET for what is left out.
    def _value(self, shape: _Shape, value: Any, path: Path, place: Path) -> Any:
        if value is None and shape.null:
            return None
        if shape.struct is not None:
            return self._struct(shape.struct, value, path, place)
        if shape.item is None:
            taken = fitting(shape.kind, value, UNSET)
            return self.leave_out(*path) if taken is UNSET else taken
        if not isinstance(value, shape.kind) or len(value) > shape.longest:
            return self.leave_out(*path)
        return self._table(shape, value, path, place) if shape.kind is dict else self._list(shape, value, path, place)

    def _struct(self, kind: type[Struct], table: Any, path: Path, place: Path) -> Any:
        if not isinstance(table, Mapping):
            return self.leave_out(*path)
        before, shapes = len(self.unknown), _fields(kind)
        found: dict[str, Any] = {}
        for name, shape in shapes.items():
            value = table.get(name)
            if value is None and not shape.null:  # null says nothing
                found[name] = self.leave_out(*path, name) if shape.needed else UNSET
            else:
                found[name] = UNSET if name not in table else self._value(shape, value, (*path, name), (*place, name))
            if found[name] is UNSET and shape.needed:
                del self.unknown[before:]
                return UNSET
        self.unknown += [((*place, name), value) for name, value in table.items() if name not in shapes]
        return kind(**found)

    def _list(self, shape: _Shape, values: list[Any], path: Path, place: Path) -> list[Any]:
        assert shape.item is not None
        found: list[Any] = []
        for index, value in enumerate(values):
            taken = self._value(shape.item, value, (*path, index), (*place, len(found)))
            if taken is not UNSET:
                found.append(taken)
            elif shape.item.kind is dict:
                found.append({})  # the rows after it keep their number
        return found

    def _table(self, shape: _Shape, table: dict[str, Any], path: Path, place: Path) -> dict[str, Any]:
        assert shape.item is not None
        found = {}
        for name, value in table.items():
            inside = (*path, name)
            if fitting(shape.key, name, UNSET) is UNSET:
                self.leave_out(*inside)
                continue
            taken = self._value(shape.item, value, inside, (*place, name))
            if taken is not UNSET:
                found[name] = taken
        return found


def fitting(kind: Any, value: Any, otherwise: Any = None) -> Any:
    """`value` as a `kind`, or `otherwise` if it does not fit."""
    try:
        return convert(value, kind)
    except (ValidationError, ValueError):  # ValueError: a lone surrogate where only certain texts fit
        return otherwise


def dotted(path: Path) -> str:
    """A path as people read it, long names cut."""
    return ".".join(name if len(name := str(part)) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for part in path)


@dataclass(frozen=True)
class _Shape:
    """What a type asks for: a Struct, a `list` or `dict` of at most `longest` items, or one value of `kind`."""

    kind: Any
    struct: type[Struct] | None = None
    item: _Shape | None = None
    key: Any = None
    longest: float = math.inf
    null: bool = False
    needed: bool = True


def _shape(kind: Any, metas: tuple[Meta, ...] = ()) -> _Shape:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _shape(parts[0], (*metas, *parts[1:]))
    if origin in (Union, types.UnionType):
        kinds = [part for part in parts if part not in (UnsetType, types.NoneType)]
        shape = _shape(kinds[0]) if len(kinds) == 1 else _Shape(reduce(operator.or_, kinds))
        return replace(shape, null=types.NoneType in parts, needed=UnsetType not in parts)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _Shape(kind, struct=kind)
    whole = any(meta.min_length for meta in metas)  # a pair with one wrong half is no pair
    if origin in (list, dict) and not whole:
        longest = min((meta.max_length for meta in metas if meta.max_length is not None), default=math.inf)
        return _Shape(origin, item=_shape(parts[-1]), key=parts[0], longest=longest)
    return _Shape(reduce(lambda bare, meta: Annotated[bare, meta], metas, kind))


@cache
def _fields(kind: type[Struct]) -> dict[str, _Shape]:
    return {field.name: _shape(field.type) for field in structs.fields(kind)}
