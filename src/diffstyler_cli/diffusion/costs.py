"""What a pass costs in network calls, by solver: pure numbers, free to import."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError

NO_SHARE = 1e-9
"""Coefficients smaller than this are rounding, e.g. of 1 - (0.1 + 0.2 + 0.7); their network pass is left out."""
NO_SHARE_OF_MAP = 1e-5
"""The same of maps of coefficients, which are float32, wherever one is largest."""


@dataclass(frozen=True)
class Cost:
    """Network calls: `first` for the leading steps, `then` for each later one."""

    then: int
    first: tuple[int, ...] = ()


COSTS = {
    "iplms": Cost(then=1),
    "plms": Cost(then=1, first=(4, 4, 4)),
    "plms2": Cost(then=1, first=(2,)),
    "prk": Cost(then=4),
    "pie": Cost(then=2),
    "ddim": Cost(then=1),
    "dpmpp_2m": Cost(then=1),
}
"""By the names of `config.SOLVERS`."""


def evaluations_of(solver: str, n_steps: int) -> int:
    """Network calls of one pass of `n_steps` steps. Raises `UsageError` for an unknown solver."""
    cost = _cost(solver)
    return sum(cost.first[:n_steps]) + cost.then * max(0, n_steps - len(cost.first))


def evaluations_at_end(solver: str, n_steps: int) -> int:
    """How many of them are at the pass's last time: 1 where the last step has several stages, else 0."""
    cost = _cost(solver)
    last = cost.first[n_steps - 1] if n_steps <= len(cost.first) else cost.then
    return int(last > 1)


def _cost(solver: str) -> Cost:
    if solver not in COSTS:
        raise UsageError(f"There is no solver {solver!r}.", f"Choose one of {', '.join(COSTS)}.")
    return COSTS[solver]


def spans(length: int, tile: int, multiple: int) -> list[tuple[int, int]]:
    """Starts and ends of the tiles along a side of `length`: the fewest of at most `tile` that overlap by an eighth.

    All have the same length, and with their starts it is divisible by `multiple`, as `length` is.
    """
    if length <= tile:
        return [(0, length)]
    most = max(multiple, tile // multiple * multiple)
    overlap = most // 8
    count = -(-(length - overlap) // max(1, most - overlap))
    # no longer than the overlap asks for, so that no two tiles see much the same
    size = -(-(length + (count - 1) * overlap) // count // multiple) * multiple
    size = min(most, max(size, multiple))
    last = length - size
    starts = dict.fromkeys(round(last * k / (count - 1) / multiple) * multiple for k in range(count))
    return [(start, start + size) for start in starts]
