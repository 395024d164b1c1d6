"""Numbers about a finished picture. Each says one narrow thing, and none of them is quality. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MEANING = {
    "clip": "CLIP score: 100 x cosine of the picture's and the prompts' embeddings (Hessel et al. 2021), by the model "
    "set's own encoder; not comparable between model sets or prompts",
    "content": "content score: correlation of the content features of picture and photo; 1 the same, 0 unrelated",
    "ssim": "SSIM of picture and photo (Wang et al. 2004): 1 the same pixels' structure",
    "aesthetic": "rating of the model set's aesthetic regressor; higher = more like what people rated well",
}
"""The scores, by their names in manifests, in order."""


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points no other one beats in both coordinates (at least as high in both, higher in one)."""
    front, highest = set(), -math.inf
    for x, y in sorted(set(points), reverse=True):
        if y > highest:
            front.add((x, y))
            highest = y
    return [point in front for point in points]


def mark_pareto(cells: Sequence[dict[str, Any]]) -> None:
    """Sets "pareto" in manifest rows that have scores, by content and CLIP score among rows with the same prompts."""
    by_prompts: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for cell in cells:
        if cell["scores"]:
            by_prompts.setdefault(tuple(cell["prompts"]), []).append(cell)
    for rows in by_prompts.values():
        for cell, front in zip(rows, pareto([style_and_content(cell["scores"]) for cell in rows]), strict=True):
            cell["pareto"] = front


def style_and_content(scores: Mapping[str, float]) -> tuple[float, float]:
    """The coordinates of a cell in the scatter."""
    return scores["clip"], scores["content"]
