"""What a weight file may hold and how much of it, found out before any parser builds it. Imports no torch.

A file of a few hundred bytes can make a parser work for ever or fill the memory. So the header of a safetensors file,
the directory of a zip archive and the program of a pickle are walked first: nothing is unpacked, nothing is built, and
what is walked is itself limited. A pickle gets through if all it does is name storages that are in the file, put
tensors on them and list those in tables; it is never run here.
"""

from __future__ import annotations

import io
import os
import pickletools
import re
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import WeightsError

HEADER = 10 << 20
"""Bytes of a safetensors header; that of the largest component has 90 thousand."""
TENSORS = 20_000
"""Tensors in a file; the largest component has a thousand."""
DIRECTORY = 4 << 20
"""Bytes of a zip archive's directory."""
PICKLE = 8 << 20
"""Bytes of a pickle without its tensors, and of every other record beside them."""
STEPS = 500_000
"""Instructions of a pickle."""
NESTED = 10_000
"""Values in a tuple, counted as often as they occur in it: sharing makes a small file hold billions."""
AGAIN = "Get the file again and compare its SHA-256."
SAVE = "Open it where it comes from and save it with torch.save as it is by default."
STATE_DICT = "Use a file with a state dict or a safetensors file."

SIZES = {
    **dict.fromkeys(("ComplexDouble",), 16),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Byte", "Char", "Bool", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4", "Untyped"), 1),
}
"""Bytes of one number in PyTorch's storages."""
REBUILD = tuple(f"torch._utils.{name}" for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"))
HARMLESS = (
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch.nn.parameter.Parameter",
    "torch.Size", "torch.device", "builtins.complex",
)  # fmt: skip
"""What may be called besides: it makes no more than it is given."""
DATA = re.compile(
    r"collections\.(OrderedDict|Counter)|builtins\.(set|complex|bytearray)|_codecs\.encode"
    r"|torch(\.cuda)?\.\w*(Storage|Tensor)|torch\.(Size|device|bool|half|float|double|short|int|long|q\w+|per_\w+)"
    r"|torch\.(u?int|b?float|complex)\d\w*|torch\._utils\._rebuild_\w+|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.storage\.(Typed|Untyped)Storage|torch\.serialization\._get_layout|torch\.nn\.parameter\.Parameter"
)
"""Names that say what kind of data follows; any other one asks for code of the file's own choice."""
OLD_NAMES = {"__builtin__": "builtins"}
"""Modules as Python 2 called them."""


def refuse(path: Path, why: str, advice: str = AGAIN) -> WeightsError:
    """The error of a file that is not as it should be."""
    return WeightsError(f"{path} is damaged or is no weight file ({why}).", advice)


class CodeRefused(WeightsError):
    """A pickle that names something of its own choice to be called."""


def asks_for_code(path: Path) -> CodeRefused:
    """The error of every such pickle, whatever it calls and however it says so."""
    return CodeRefused(
        f"{path} is a pickle that asks to run code; it was refused and nothing was run.",
        "Do not use this file; get the weights from their original source.",
    )


def cut(text: object, length: int = 80) -> str:
    """`text`, its middle left out where it is long."""
    text = str(text)
    return text if len(text) <= length else f"{text[: length * 2 // 3]}…{text[-length // 4 :]}"


def check(path: Path) -> None:
    """Checks a file of one of the formats that `load.read_state` reads.

    Raises:
        WeightsError: it holds more than it may, or asks for more than it holds.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(9)
        file.seek(0)
        if head[8:9] == b"{":
            _check_safetensors(path, file)
        elif head.startswith(b"PK\x03\x04"):
            _check_zip(path, file)
        else:
            _check_legacy(path, file)


# --- safetensors -----------------------------------------------------------------------------------------------------
def _check_safetensors(path: Path, file: BinaryIO) -> None:
    length = int.from_bytes(file.read(8), "little")
    if length > os.fstat(file.fileno()).st_size - 8:
        raise refuse(path, "its header is longer than the file")
    if length > HEADER:
        raise refuse(path, f"its header has {length:,} bytes; {HEADER:,} are read at most")
    if file.read(length).count(b'"data_offsets"') > TENSORS:
        raise refuse(path, f"it lists more than {TENSORS:,} tensors")


# --- PyTorch's zip archives ------------------------------------------------------------------------------------------
def _check_zip(path: Path, file: BinaryIO) -> None:
    size = os.fstat(file.fileno()).st_size
    if _directory_size(file, size) > DIRECTORY:
        raise refuse(path, f"its directory has more than {DIRECTORY:,} bytes")
    try:
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            names = {record.filename: record for record in records}
            folder = records[0].filename.partition("/")[0] if records else ""
            if f"{folder}/constants.pkl" in names:
                raise WeightsError(f"{path} is a TorchScript program, which is not run.", STATE_DICT)
            if len(names) < len(records) or f"{folder}/data.pkl" not in names:
                raise refuse(path, "it is no archive that torch.save wrote")
            # a mapped record is taken as it lies there: compressed, it would be read as if it were the numbers
            if any(record.compress_type != zipfile.ZIP_STORED for record in records):
                raise refuse(path, "its records are compressed, which torch.save never does", SAVE)
            if sum(record.file_size for record in records) > size:
                raise refuse(path, "its records are larger than the file")
            beside = [record for name, record in names.items() if not name.startswith(f"{folder}/data/")]
            if any(record.file_size > PICKLE for record in beside):
                raise refuse(path, f"it holds more than {PICKLE:,} bytes that are no tensors")
            content = io.BytesIO(archive.read(f"{folder}/data.pkl"))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, struct.error) as error:
        raise refuse(path, cut(error)) from error
    program = _Program(path, content)
    program.run()
    for key, storage in program.storages.items():
        record = names.get(f"{folder}/data/{key}")
        if record is None or record.file_size < storage.bytes:
            raise refuse(path, "it lacks numbers of its tensors")


def _directory_size(file: BinaryIO, size: int) -> int:
    """Bytes of the central directory as the end of a zip archive states them; 0 where it states none."""
    file.seek(max(0, size - (1 << 16) - 100))
    tail = file.read()
    file.seek(0)
    end, long_end = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    stated = [int.from_bytes(tail[end + 12 : end + 16], "little")] if end >= 0 else []
    if long_end >= 0:
        stated.append(int.from_bytes(tail[long_end + 40 : long_end + 48], "little"))
    return max((s for s in stated if s != 0xFFFFFFFF), default=0)


# --- PyTorch's older files: five pickles, then the numbers -----------------------------------------------------------
def _check_legacy(path: Path, file: BinaryIO) -> None:
    content = io.BytesIO(file.read(PICKLE))
    try:
        for _ in range(5):
            _Program(path, content).look_for_code()
    except CodeRefused:
        raise
    except WeightsError:
        pass  # the walk says what is wrong
    content.seek(0)
    magic = _Program(path, content).run()
    if magic != 0x1950A86A20F9469CFC6C:
        raise refuse(path, "torch.save did not write it")
    _Program(path, content).run()
    _Program(path, content).run()
    program = _Program(path, content)
    program.run()
    keys = _Program(path, content).run()
    listed = keys.items if isinstance(keys, _Box) else None
    if listed is None or not all(isinstance(key, str) for key in listed) or sorted(listed) != sorted(program.roots):
        raise refuse(path, "it lacks numbers of its tensors")
    needed = sum(8 + root.bytes for root in program.roots.values())
    if needed > os.fstat(file.fileno()).st_size - content.tell():
        raise refuse(path, "it lacks numbers of its tensors")


# --- pickles, walked and not run -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Name:
    """Something that a pickle refers to by module and name."""

    name: str


@dataclass
class _Tuple:
    items: list[Any]
    weight: int
    """Values in it, each as often as it occurs."""


@dataclass
class _Box:
    """A list, dictionary or set; what a pickle puts into a list is kept."""

    kind: str
    items: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class _Storage:
    count: int
    itemsize: int

    @property
    def bytes(self) -> int:
        return self.count * self.itemsize


class _Made:
    """What a call made."""


class _Mark:
    pass


class _Program:
    """One pickle from `stream`, which is left behind its end."""

    def __init__(self, path: Path, stream: io.BytesIO) -> None:
        self.path = path
        self.stream = stream
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}
        """By key, the largest that is asked for under it."""
        self.spent = 0
        """Values and characters that were given to calls."""
        self.roots: dict[str, _Storage] = {}
        """By key, as they were named first: the older format makes them of that size."""

    def run(self) -> Any:
        """Walks it; returns what it would leave: numbers and texts as they are.

        Raises:
            WeightsError: it calls or builds what no table of tensors needs, or more than it may.
        """
        start = self.stream.tell()
        self.look_for_code()
        self.stream.seek(start)
        try:
            for name, value in self._steps():
                step = getattr(self, f"_{name.lower()}", None)
                if step is None:
                    raise refuse(self.path, f"its pickle has a step {name}, not one of torch.save's", SAVE)
                step(value)
            return self.stack.pop()
        except (IndexError, KeyError, AttributeError, TypeError, ValueError) as error:
            raise refuse(self.path, "its pickle is broken") from error

    def _steps(self) -> Iterator[tuple[str, Any]]:
        try:
            for count, (operation, value, _) in enumerate(pickletools.genops(self.stream)):
                if count >= STEPS:
                    raise refuse(self.path, f"its pickle has more than {STEPS:,} steps")
                yield operation.name, value
        except (ValueError, IndexError, UnicodeError, OverflowError, struct.error) as error:
            raise refuse(self.path, f"its pickle is broken: {cut(error)}") from error

    def look_for_code(self) -> None:
        """Looks through all of it, steps that are not walked included: those are where code hides from torch."""
        words: list[str] = []
        memo: list[str] = []
        for name, value in self._steps():
            if name in ("GLOBAL", "INST"):
                self._known(str(value).replace(" ", ".", 1))
            elif name == "STACK_GLOBAL":
                self._known(".".join(words[-2:]))
            elif name in ("OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"):
                raise asks_for_code(self.path)
            elif isinstance(value, str):
                words = [*words[-1:], value]
            elif name == "MEMOIZE":  # by protocol 4, of whatever is on the stack: texts are what matters here
                memo.append(words[-1] if words else "")
            elif name in ("BINGET", "LONG_BINGET") and value < len(memo):
                words = [*words[-1:], memo[value]]

    def _known(self, name: str) -> str:
        module, _, last = name.rpartition(".")
        full = f"{OLD_NAMES.get(module, module)}.{last}"
        if not DATA.fullmatch(full):
            raise asks_for_code(self.path)
        return full

    # --- the stack: one method a step, by pickletools' name ----------------------------------------------------------
    def _proto(self, value: int) -> None:
        pass

    def _stop(self, value: None) -> None:
        pass

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    _binint = _binint1 = _binint2 = _long1 = _binfloat = _binunicode = _short_binstring = _push

    def _none(self, value: None) -> None:
        self.stack.append(None)

    def _newtrue(self, value: None) -> None:
        self.stack.append(True)

    def _newfalse(self, value: None) -> None:
        self.stack.append(False)

    def _empty_list(self, value: None) -> None:
        self.stack.append(_Box("list"))

    def _empty_dict(self, value: None) -> None:
        self.stack.append(_Box("dict"))

    def _empty_set(self, value: None) -> None:
        self.stack.append(_Box("set"))

    def _empty_tuple(self, value: None) -> None:
        self._join([])

    def _mark(self, value: None) -> None:
        self.stack.append(_Mark)

    def _tuple(self, value: None) -> None:
        self._join(self._since_mark())

    def _tuple1(self, value: None) -> None:
        self._join(self._last(1))

    def _tuple2(self, value: None) -> None:
        self._join(self._last(2))

    def _tuple3(self, value: None) -> None:
        self._join(self._last(3))

    def _append(self, value: None) -> None:
        self._extend(self._last(1))

    def _appends(self, value: None) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        if self.stack[-1].kind != "list":
            raise TypeError
        self.stack[-1].items.extend(items)

    def _setitem(self, value: None) -> None:
        self._set_items(self._last(2))

    def _setitems(self, value: None) -> None:
        self._set_items(self._since_mark())

    def _binput(self, value: int) -> None:
        self.memo[value] = self.stack[-1]

    _long_binput = _binput

    def _binget(self, value: int) -> None:
        self.stack.append(self.memo[value])

    _long_binget = _binget

    def _last(self, count: int) -> list[Any]:
        items = self.stack[-count:]
        if len(items) < count or _Mark in items:
            raise IndexError
        del self.stack[-count:]
        return items

    def _since_mark(self) -> list[Any]:
        items = []
        while (item := self.stack.pop()) is not _Mark:
            items.append(item)
        return items[::-1]

    def _join(self, items: list[Any]) -> None:
        weight = 1 + sum(item.weight if isinstance(item, _Tuple) else 1 for item in items)
        if weight > NESTED:
            raise refuse(self.path, f"its pickle nests more than {NESTED:,} values in one")
        self.stack.append(_Tuple(items, weight))

    def _set_items(self, items: list[Any]) -> None:
        if self.stack[-1].kind != "dict" or len(items) % 2:
            raise TypeError
        if any(isinstance(key, _Tuple) for key in items[::2]):
            raise self._more("a table under tuples")

    # --- what is named and called ------------------------------------------------------------------------------------
    def _global(self, value: str) -> None:
        self.stack.append(_Name(self._known(value.replace(" ", ".", 1))))

    def _binpersid(self, value: None) -> None:
        (named,) = self._last(1)
        what, kind, key, _, count, *view = named.items
        if what != "storage" or not isinstance(key, str) or type(count) is not int or count < 0:
            raise TypeError
        kind = kind.name.rpartition(".")[2]
        itemsize = SIZES.get(kind.removesuffix("Storage"))
        if itemsize is None:
            raise refuse(self.path, f"it holds numbers of an unknown kind, {cut(kind)}", STATE_DICT)
        storage = _Storage(count, itemsize)
        self.roots.setdefault(key, storage)
        self.storages[key] = max(self.storages.get(key, storage), storage, key=lambda each: each.bytes)
        if view and view[0] is not None:
            name, first, length = view[0].items
            if not isinstance(name, str) or type(first) is not int or type(length) is not int:
                raise TypeError
            if first < 0 or length < 0 or first + length > self.roots[key].bytes // itemsize:
                raise refuse(self.path, "a tensor of it reaches beyond its numbers")
            storage = _Storage(length, itemsize)
        self.stack.append(storage)

    def _newobj(self, value: None) -> None:
        self._reduce(value)

    def _reduce(self, value: None) -> None:
        called, given = self._last(2)
        if not isinstance(called, _Name):
            raise asks_for_code(self.path)
        arguments = given.items
        self.spent += given.weight + sum(len(each) for each in arguments if isinstance(each, str))
        if self.spent > PICKLE:
            raise refuse(self.path, f"its pickle makes more than {PICKLE:,} values")
        made: Any = _Made()
        if called.name in REBUILD:
            self._tensor(*arguments[:4])
        elif called.name == "collections.OrderedDict" and not arguments:
            made = _Box("dict")
        elif called.name in ("_codecs.encode", "builtins.bytearray"):  # how pickles of protocol 2 write bytes
            text, *codec = arguments or ("",)
            if not isinstance(text, str) or codec not in (["latin1"], ["latin-1"]):
                raise TypeError
        elif called.name == "builtins.set":
            (box,) = arguments
            if any(isinstance(item, _Tuple) for item in box.items):
                raise self._more("a set of tuples")
        elif called.name not in HARMLESS:
            raise self._more(called.name)
        self.stack.append(made)

    def _more(self, what: str) -> WeightsError:
        return WeightsError(f"{self.path} holds more than plain tensors: {cut(what)}.", STATE_DICT)

    def _tensor(self, storage: _Storage, first: int, shape: _Tuple, strides: _Tuple) -> None:
        """A tensor on a storage. torch makes a storage larger that is too small, with whatever the memory holds."""
        sizes, steps = shape.items, strides.items
        if any(type(number) is not int or number < 0 for number in (first, *sizes, *steps)) or len(sizes) != len(steps):
            raise TypeError
        last = first + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
        if 0 not in sizes and last >= storage.count:
            raise refuse(self.path, "a tensor of it reaches beyond its numbers")

    def _build(self, value: None) -> None:
        self._last(1)
        target = self.stack[-1]
        if isinstance(target, _Made):
            raise self._more("objects with a state")
        if not (isinstance(target, _Box) and target.kind == "dict"):
            raise asks_for_code(self.path)
