"""What keeps the libraries within bounds while they read foreign files: sizes, names, errors, and their messages."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ...errors import OutOfMemoryError, WeightsError, out_of_memory
from ...weights.bounds import cut
from .folder import Part


def check_size(part: Part, build: Callable[[], nn.Module]) -> None:
    """Builds the module where it takes no memory; refuses one that is larger than its file, or of other shapes."""
    with reading(part), torch.device("meta"):
        module = build()
    own = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    wrong = [name for name, shape in own.items() if part.shapes.get(name, shape) != shape]
    if wrong:
        name, more = wrong[0], f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        shapes = [" × ".join(map(str, each)) or "a number" for each in (part.shapes[name], own[name])]
        raise WeightsError(
            f"{part.weights} does not hold the weights of its configuration; {cut(name)} is {shapes[0]}, not "
            f"{shapes[1]}{more}.",
            "Get the folder again from where it was published.",
        )
    wanted = sum(parameter.numel() for parameter in module.parameters())
    if wanted > part.numbers:
        raise WeightsError(
            f"{part.folder / 'config.json'} asks for {wanted:,} numbers, and {part.weights.name} holds "
            f"{part.numbers:,}.",
            "Get the folder again from where it was published.",
        )


def check_names(part: Part, found: Mapping[str, Any]) -> None:
    """Refuses a file that lacks tensors, or has others: the libraries would fill in what is missing at random."""
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        names = [str(each[0] if isinstance(each, tuple) else each) for each in found.get(kind) or ()]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            what = f"{part.weights} does not hold the weights of its configuration"
            raise WeightsError(
                f"{what}; {kind.partition('_')[0]}: {', '.join(cut(name) for name in names[:3])}{more}.",
                "Get the folder again from where it was published.",
            )


@contextlib.contextmanager
def reading(part: Part, what: str = "") -> Iterator[None]:
    """Turns whatever the libraries raise at foreign files into a `WeightsError`; `what` is how its message begins."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise OutOfMemoryError(
                f"The memory does not suffice to load {part.weights}.", "Close other programs, or take a smaller one."
            ) from error
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        why = cut(lines[0] if lines else type(error).__name__, 160)
        raise WeightsError(
            f"{what or f'{part.folder} cannot be read as {part.kind}'}: {why.rstrip('.')}.",
            "Get the folder again from where it was published, or save it anew with its own library.",
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries' own advice, bars and warnings from the terminal: what matters is checked here."""
    before = {name: logging.getLogger(name).level for name in ("diffusers", "transformers")}
    from diffusers.utils import logging as theirs
    from transformers.utils import logging as others

    theirs.disable_progress_bar()
    others.disable_progress_bar()
    try:
        for name in before:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
