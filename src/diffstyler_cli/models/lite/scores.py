"""How well the lite models paint each style: scores measured once for the weights in the package, and limits seen.

Pure data, free to import. The numbers are in scores.csv, written by `python benchmarks/style_scores.py`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class StyleScore:
    """Scores of one style: pictures of photographs that no training touched, defaults alone, seed 1, 256 px.

    Shares are in [0, 1]; they are of a classifier on VGG19 features that shares nothing with the models, and None for
    styles that it does not know.

    Args:
        key: `Style.key`.
        pictures: how many were judged.
        first, top3: share in which the style is the classifier's first choice, among its first three.
        rises: share in which its probability is above that of the photograph itself.
        content: mean correlation of the features' patterns with the photograph's; 1 the same, 0 unrelated.
    """

    key: str
    pictures: int
    first: float | None
    top3: float | None
    rises: float | None
    content: float


def style_scores() -> dict[str, StyleScore]:
    """The scores by style key."""
    text = files(__package__).joinpath("scores.csv").read_text(encoding="utf-8")
    return {row["style"]: _score(row) for row in csv.DictReader(text.splitlines())}


def _score(row: dict[str, str]) -> StyleScore:
    first, top3, rises = (float(row[name]) if row[name] else None for name in ("first", "top3", "rises"))
    return StyleScore(row["style"], int(row["pictures"]), first, top3, rises, float(row["content"]))


LIMITS: dict[str, str] = {
    "oil-painting": "out of focus more than brushed; a fine weave in dark, blurred grounds",
    "impressionism": "best in landscapes; small things dissolve",
    "post-impressionism": "close to impressionism",
    "van-gogh": "over-saturated; strokes of one width, specks in darks",
    "pointillism": "large dots swallow small things; shadows become coloured",
    "expressionism": "loud; dark areas can turn orange",
    "fauvism": "loud; dark areas can turn orange",
    "cubism": "cells over the photo rather than facets in several views",
    "art-nouveau": "mild: the photo's own shading shows, no ornament",
    "baroque": "a darkened photo with glow more than brushwork",
    "romanticism": "mild; close to symbolism and baroque",
    "symbolism": "mild; close to romanticism",
    "naive-art": "mild: smudged outlines over the photo's own colours",
    "ukiyo-e": "outlines doubled in places; flat areas keep gradients",
    "ink-wash": "a brown tint with grain more than black ink on paper",
    "ink-illustration": "areas of black and thick contours, no fine pen lines",
    "watercolor": "little paper white; backgrounds mottled",
    "engraving-etching": "tone more than lines",
    "woodcut": "small things are lost in black",
    "drawing": "one texture of strokes everywhere",
    "charcoal": "dark grain blurs edges",
    "pastel": "specks of colour in flat areas",
    "cartoon": "dark areas can turn orange",
    "mosaic": "large tiles lose small things and faces",
    "stained-glass": "cells of one size crack faces",
    "pixel-art": "blocks blur in places; colours are not a limited palette",
    "halftone": "dots of one size",
    "low-poly": "facets soften where there is little contrast",
}
"""A line on what each style does not do well, by its key; seen at 256 px."""
