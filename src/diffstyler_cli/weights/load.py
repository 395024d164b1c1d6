"""From a file of weights to checked tensors. Nothing in a file is ever executed."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import OutOfMemoryError, WeightsError, out_of_memory
from .bounds import asks_for_code, check, cut, refuse
from .digest import unopened

SHOWN = 3
"""Names that a message lists before it only counts."""
LOT = 64 << 20
"""Bytes of a file that are in memory at once while it is loaded."""
PICKLE_LOT = 4 * LOT
"""The same of a mapped pickle, whose table takes longer to read."""

T = TypeVar("T")
Place = Callable[[str, Tensor], Tensor]


class Select(Protocol):
    """Picks from a file's table what a module needs, under the module's names, whatever the table's values are."""

    def __call__(self, state: Mapping[str, T], /) -> dict[str, T]: ...


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file by name, on the CPU; large files are mapped, not copied.

    Reads safetensors and PyTorch's pickles (`.pth`, `.pt`, `.bin`; with `weights_only=True` alone). What a file is
    depends on its first bytes, never on its name. A table under the key "state_dict" is taken from there. What the
    file asks for is held against its size before a parser sees it (`bounds`).

    Raises:
        WeightsError: the file is missing, unreadable, truncated, something else, or holds anything but tensors.
        OutOfMemoryError: the memory does not suffice.
    """
    _check(path)
    return _read(path)


def _read(path: Path) -> dict[str, Tensor]:
    """`read_state` of a file that was checked."""
    try:
        if _head(path)[8:9] == b"{":
            tensors: dict[str, Tensor] = load_file(path)
            return tensors
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's doubts about a file are no message for a person
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # foreign bytes can make the parsers raise anything
        raise _unreadable(path, error) from error
    return _table(path, content)


@contextmanager
def open_safetensors(path: Path) -> Iterator[Any]:
    """A safetensors file, its header checked before it is parsed.

    Raises:
        WeightsError: it cannot be read, or is none.
        OutOfMemoryError: the memory does not suffice.
    """
    if _head(path)[8:9] != b"{":
        raise refuse(path, "it is no safetensors file")
    _check(path)
    with _opened(path) as file:
        yield file


def load_strict(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Loads `state` into `module` after checking every name, shape and kind of number.

    A module built on the meta device takes the tensors themselves (no copy, their dtype); any other keeps its own.

    Args:
        what: names the weights in messages, e.g. "the photo network (cc12m_1_cfg.pth)".

    Raises:
        WeightsError: names are missing or unexpected, or tensors have other shapes or are not numbers of the kind.
    """
    check_strict(module, state, what)
    module.load_state_dict(state, strict=True, assign=any(tensor.is_meta for tensor in module.state_dict().values()))


def load_file_strict(module: nn.Module, path: Path, what: str, select: Select, place: Place) -> None:
    """Loads a file into a module that has no weights yet, a few tensors at a time.

    A file is mapped anew for every `LOT` bytes (`PICKLE_LOT` of a pickle), so that memory holds the weights as `place`
    makes them and little else; where `place` returns a tensor as it is, that stays mapped.

    Args:
        what: names the weights in messages.
        select: from the file's table of tensors those of the module, under the module's names.
        place: makes of a name and the file's tensor the one that the module gets: its dtype, layout and device.

    Raises:
        WeightsError: what `read_state` and `check_strict` raise.
    """
    _check(path)
    if _head(path)[8:9] == b"{":
        shapes = _shapes(path)
        names = select({name: name for name in shapes})
        check_strict(module, select(shapes), what)
        for lot in _lots({name: shapes[names[name]].nbytes for name in names}, LOT):
            with _opened(path) as file:
                placed = {name: place(name, file.get_tensor(names[name])) for name in lot}
            module.load_state_dict(placed, strict=False, assign=True)
    else:
        state = select(_read(path))
        check_strict(module, state, what)
        mapped = zipfile.is_zipfile(path)
        for lot in _lots({name: tensor.nbytes for name, tensor in state.items()}, PICKLE_LOT if mapped else LOT):
            module.load_state_dict({name: place(name, state.pop(name)) for name in lot}, strict=False, assign=True)
            if mapped and state:  # what was read of a mapping stays in memory for as long as the mapping
                state = {name: tensor for name, tensor in select(_read(path)).items() if name in state}


def check_strict(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Compares names, shapes and kinds of number of `state`, whose tensors may be on the meta device.

    Raises:
        WeightsError: they are not the module's; the first few are named, the others counted.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    wrong = [_difference(name, state[name], own[name]) for name in own if name in state]
    problems = [
        f"{kind}: {_some(names)}"
        for kind, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("wrong", [text for text in wrong if text]),
        )
        if names
    ]
    if problems:
        raise WeightsError(
            f"{what} does not hold the expected weights; {'; '.join(problems)}.",
            "Check that this is the file of this component, from its original source.",
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file; its mapping goes when the last tensor that it gave does."""
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (OSError, SafetensorError, MemoryError, RuntimeError) as error:
        raise _unreadable(path, error) from error


def _check(path: Path) -> None:
    """Refuses a file that is no weight file, or asks for more than it may."""
    _refuse_known_strangers(path, _head(path))
    try:
        check(path)
    except (OSError, MemoryError) as error:
        raise _unreadable(path, error) from error


def _shapes(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file without their content."""
    with _opened(path) as file:
        return {name: torch.empty_like(file.get_tensor(name), device="meta") for name in file.keys()}  # noqa: SIM118 - not a dict


def _lots(sizes: Mapping[str, int], limit: int) -> Iterator[list[str]]:
    """The names in lots of about `limit` bytes."""
    lot: list[str] = []
    for name, size in sizes.items():
        if lot and sum(sizes[other] for other in lot) + size > limit:
            yield lot
            lot = []
        lot.append(name)
    yield lot


def _head(path: Path) -> bytes:
    if not path.exists():
        raise WeightsError(f"{path} does not exist.", "Check the path, or leave the option out.")
    try:
        if not path.is_file() and not path.is_dir():
            raise WeightsError(f"{path} is no file but a device or a pipe.", "Give the path of a file.")
        with path.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise unopened(path, error) from error


def _refuse_known_strangers(path: Path, head: bytes) -> None:
    """Says what a file is where it is one of the usual wrong ones; the parsers' own messages would not help."""
    if not head:
        raise WeightsError(f"{path} is empty.", "Get the file again: its download did not finish.")
    if head.lstrip()[:1] == b"<":
        raise WeightsError(
            f"{path} is a web page, not weights.",
            "Open the address in a browser: it leads to a login, an error or a preview. Then get the file itself.",
        )
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(
            f"{path} is a Git LFS pointer, not weights.", "Run git lfs pull, or download the file itself."
        )


def _table(path: Path, content: Any) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path} holds no table of tensors.", "Use a file with a state dict or a safetensors file.")
    strangers = [_named(name) for name, value in content.items() if not (isinstance(name, str) and _plain(value))]
    if strangers:
        raise WeightsError(
            f"{path} holds more than plain tensors: {_some(strangers)}.",
            "Use a file with a state dict or a safetensors file.",
        )
    return dict(content)


def _named(name: object) -> str:
    return repr(name) if isinstance(name, (str, int)) else f"a {type(name).__name__}"


def _plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"


def _difference(name: str, given: Tensor, own: Tensor) -> str:
    if given.shape != own.shape:
        return f"{name} is {_shape(given)}, not {_shape(own)}"
    if given.is_floating_point() != own.is_floating_point() or given.is_complex():
        return f"{name} is of {str(given.dtype).removeprefix('torch.')}"
    return ""


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(cut, names[:SHOWN])) + rest


def _unreadable(path: Path, error: BaseException) -> WeightsError | OutOfMemoryError:
    """The error of a file that a parser refused, or that the memory did not suffice for."""
    text = str(error)
    if out_of_memory(error):
        what = f"The memory does not suffice to load {path}."
        return OutOfMemoryError(what, "Close other programs, or lift the limit on memory (ulimit -v).")
    if isinstance(error, OSError):
        return unopened(path, error)
    if "TorchScript" in text:
        return WeightsError(
            f"{path} is a TorchScript program, which is not run.", "Use a file with a state dict or a safetensors file."
        )
    if "Weights only load failed" in text or isinstance(error, UnpicklingError):
        return asks_for_code(path)  # all else that torch refuses was refused before
    return refuse(path, cut(next(iter(text.splitlines()), "") or type(error).__name__, 160))
