"""Captions of training pictures, from a small grammar of style, mood and subject; moods are colour grades.

A picture has a style, at most one mood and some subjects; a caption states some of them. Pure text and tensors.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..models.lite.styles import MOODS as MOOD_WORDS
from ..models.lite.styles import PHOTO_NAMES, STYLE_BY_KEY, STYLES, SUBJECTS

TEMPLATES: tuple[str, ...] = (
    "{}", "{}", "{}", "a {}", "in the style of {}", "{} style", "{} art", "{} picture", "a picture in {} style",
    "a work of {}", "in {} style", "an artwork, {}", "made in {}",
)  # fmt: skip
ARTIST_TEMPLATES: tuple[str, ...] = (
    "{}", "by {}", "painting by {}", "in the style of {}", "a picture by {}", "{} style",
)  # fmt: skip


def _luma(x: Tensor) -> Tensor:
    return (x * x.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(-3, keepdim=True)


def _tint(x: Tensor, red: float, green: float, blue: float) -> Tensor:
    return x * x.new_tensor([red, green, blue])[:, None, None]


def _saturate(x: Tensor, factor: float) -> Tensor:
    gray = _luma(x)
    return gray + (x - gray) * factor


_GRADES: dict[str, Callable[[Tensor], Tensor]] = {
    "warm": lambda x: _tint(x, 1.18, 1.0, 0.72),
    "cold": lambda x: _tint(x, 0.70, 0.95, 1.20),
    "golden": lambda x: _tint(_saturate(x, 0.75), 1.22, 1.02, 0.52),
    "sepia": lambda x: _luma(x) * x.new_tensor([1.1, 0.92, 0.70])[:, None, None],
    "black-and-white": lambda x: _luma(x).expand(*x.shape[:-3], 3, *x.shape[-2:]),
    "vivid": lambda x: _saturate(x, 1.9),
    "muted": lambda x: 0.12 + 0.78 * _saturate(x, 0.4),
    "pastel": lambda x: 0.45 + 0.55 * _saturate(x, 0.85),
    "dark": lambda x: _tint(x.clamp(0, 1) ** 1.6, 0.55, 0.58, 0.75),
    "bright": lambda x: _tint(x.clamp(0, 1) ** 0.65, 1.06, 1.03, 0.92),
    "high-contrast": lambda x: (x - 0.5) * 1.8 + 0.5,
}
MOODS: dict[str, tuple[tuple[str, ...], Callable[[Tensor], Tensor]]] = {
    mood: (words, _GRADES[mood]) for mood, words in MOOD_WORDS.items()
}
"""Mood: its words, and the colour grade that makes a picture of it (…×3×H×W in [0, 1], unclamped)."""


def grade(x: Tensor, mood: str) -> Tensor:
    """x (…×3×H×W in [0, 1]) graded to a key of `MOODS`, clamped to [0, 1]."""
    return MOODS[mood][1](x).clamp(0, 1)


@dataclass(frozen=True)
class Attributes:
    """Of a picture, or what a caption states of one: None and () are unstated."""

    style: str | None = None
    mood: str | None = None
    subjects: tuple[str, ...] = ()

    def true_of(self, other: Attributes) -> bool:
        """Whether everything stated here is true of `other`."""
        return (
            (self.style is None or self.style == other.style)
            and (self.mood is None or self.mood == other.mood)
            and set(self.subjects) <= set(other.subjects)
        )


def subjects_in(title: str) -> tuple[str, ...]:
    """The subject words in a picture's title."""
    words = f" {title.lower()} "
    return tuple(s for s in SUBJECTS if f" {s} " in words)


def caption(attributes: Attributes, rng: random.Random) -> tuple[str, Attributes]:
    """A random caption that states the style, the mood if there is one, perhaps a subject; and what it states."""
    mood = attributes.mood
    subject = rng.choice(attributes.subjects) if attributes.subjects and rng.random() < 0.4 else None
    if attributes.style == "photo":
        text = rng.choice(PHOTO_NAMES)
    else:
        style = STYLE_BY_KEY[str(attributes.style)]
        if style.artists and rng.random() < 0.2:
            text = rng.choice(ARTIST_TEMPLATES).format(rng.choice(style.artists))
        else:
            # the first name is what most people type
            name = style.names[0] if rng.random() < 0.4 else rng.choice(style.names)
            text = rng.choice(TEMPLATES).format(name)
    if subject is not None:
        text = rng.choice((f"{text} of a {subject}", f"{text}, {subject}", f"{subject}, {text}"))
    if mood is not None:
        word = rng.choice(MOODS[mood][0])
        text = rng.choice((f"{word} {text}", f"a {word} {text}", f"{text}, {word}"))
    return text, Attributes(attributes.style, mood, () if subject is None else (subject,))


def vocabulary() -> list[str]:
    """All words that a caption can hold, sorted."""
    phrases = [*TEMPLATES, *ARTIST_TEMPLATES, *PHOTO_NAMES, *SUBJECTS, "of a"]
    phrases += [p for s in STYLES for p in (*s.names, *s.artists)]
    phrases += [w for words, _ in MOODS.values() for w in words]
    return sorted({w for p in phrases for w in words_of(p.replace("{}", " "))})


def words_of(text: str) -> list[str]:
    """The words of a prompt as the vocabulary counts them: lower case, letters and digits."""
    return "".join(c if c.isalnum() else " " for c in text.lower()).split()
