"""`inspect --styles`: the styles that the built-in models know, how well they paint each, and where they fall short."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.console import Group
from rich.text import Text

from ...models.lite.scores import LIMITS, style_scores
from ...models.lite.styles import MOODS, STYLES, SUBJECTS
from ...models.lite.words import in_other_languages
from ..terminal.tables import fitted
from .job import Job

NOTE = (
    "first, top 3: share of pictures in which an independent classifier names the style first, among its first three; "
    "rises: in which it sees more of the style than in the photo; content: how much of the photo stays, 0 to 1. "
    "{pictures} photographs never trained on, defaults, --size 256. – where the classifier does not know the style."
)


WORDS = (
    'They go with any style: "golden oil painting of a garden". Names in other languages are understood as well; words '
    "that the models do not know are named when they are used."
)


def styles() -> list[dict[str, Any]]:
    """Every style with its names, artists, scores and limits, as JSON."""
    scores = style_scores()
    return [
        {
            "name": style.names[0],
            "names": list(style.names),
            "artists": list(style.artists),
            "languages": in_other_languages(style.key),
            "scores": {k: v for k, v in dataclasses.asdict(scores[style.key]).items() if k != "key"},
            "limits": LIMITS[style.key],
        }
        for style in STYLES
    ]


def show_styles(job: Job) -> None:
    """The table of styles."""
    rows = styles()
    words = {mood: list(words) for mood, words in MOODS.items()}
    job.account.fields = {"styles": rows, "moods": words, "subjects": list(SUBJECTS)}
    pictures = min(row["scores"]["pictures"] for row in rows)
    columns = [("style", "left", 0), ("first", "right", 50), ("top 3", "right", 0), ("rises", "right", 60)]
    columns += [("content", "right", 0), ("limits", "left", 90), ("also", "left", 120)]
    cells = [
        (
            Text(row["name"], "bold"),
            *(_percent(row["scores"][name]) for name in ("first", "top3", "rises")),
            f"{row['scores']['content']:.2f}",
            row["limits"],
            ", ".join([*row["names"][1:], *row["artists"]]),
        )
        for row in rows
    ]
    job.console.report(
        Group(
            fitted(job.console.paper.width, columns, cells),
            Text(),
            Text.assemble(("Moods: ", "bold"), ", ".join(word for words in MOODS.values() for word in words)),
            Text.assemble(("Subjects: ", "bold"), ", ".join(SUBJECTS)),
            Text(WORDS),
            Text(),
            Text(NOTE.format(pictures=pictures), "dim"),
        )
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
