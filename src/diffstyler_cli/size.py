"""How large a result shall be, as people write it: "512" (about N×N pixels), "1024x768" (a box), or "original".

Imports no torch, no Pillow.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .errors import UsageError

ORIGINAL = "original"
LOW, HIGH = 64, 16384
"""Limits of N."""
LONGEST_SIDE = 65535
"""Of a box."""
MOST_PIXELS = HIGH * HIGH
"""Of a box."""
MAX_ASPECT = 16
MIN_SIDE = 16
LARGEST_DRAWN = 2048
"""The networks draw at most so many pixels squared; a larger result is carried up by the photo's own detail."""

PATTERN = r"^(original|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})\Z"
"""Of a `Size.value` that is text."""

Shape = tuple[int, int]
"""(width, height) in pixels."""

_NUMBER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_BOX = re.compile(r"\s*(\d{1,12})\s*[x×*]\s*(\d{1,12})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Size:
    """What --size says: about `n`×`n` pixels, or fitting into `box` (width, height), or, with neither, the photo's."""

    n: int | None = None
    box: Shape | None = None

    @classmethod
    def parse(cls, value: int | str) -> Size:
        """Reads 512, "512", "1024x768" or "original". Raises `UsageError` for anything else, and out of bounds."""
        text = str(value)
        if _NUMBER.fullmatch(text):
            # no number of so many digits is in range, and Python refuses to read those of more than 4,300
            n = int(text) if len(text) <= 20 else None
            if n is None or not LOW <= n <= HIGH:
                shown = "a number of more than 20 digits" if n is None else n
                raise UsageError(
                    f"--size {shown} is outside [{LOW}, {HIGH}].",
                    "Give --size a value in that range; see diffstyler stylize --help-all.",
                )
            return cls(n=n)
        if text.strip().lower() == ORIGINAL:
            return cls()
        match = _BOX.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--size {text[:80]!r} is no size: a number, WIDTHxHEIGHT, or original.",
                "Try --size 1024, --size 1920x1080 or --size original.",
            )
        box = int(match[1]), int(match[2])
        if not (all(MIN_SIDE <= side <= LONGEST_SIDE for side in box) and box[0] * box[1] <= MOST_PIXELS):
            raise UsageError(
                f"--size {match[1]}x{match[2]}: a side is outside [{MIN_SIDE}, {LONGEST_SIDE}], or there are more than "
                f"{MOST_PIXELS / 1e6:.0f} million pixels.",
                "Try --size 1920x1080.",
            )
        return cls(box=box)

    @property
    def value(self) -> int | str:
        """As recipes and settings hold it: a number, or text."""
        if self.n is not None:
            return self.n
        return ORIGINAL if self.box is None else f"{self.box[0]}x{self.box[1]}"

    def result(self, photo: Shape) -> Shape:
        """(width, height) of the picture of a photo of that size; always in the photo's shape.

        With N, as `working_size`. With a box, the largest that fits into it.
        """
        if self.n is not None:
            return working_size(photo, self.n)
        if self.box is None:
            return photo
        scale = min(self.box[0] / photo[0], self.box[1] / photo[1])
        return max(1, round(photo[0] * scale)), max(1, round(photo[1] * scale))

    @property
    def doubled(self) -> int | None:
        """The value of twice as many pixels a side; None where that is not a number in range."""
        return 2 * self.n if self.n is not None and 2 * self.n <= HIGH else None

    def passes(self, photo: Shape, working: int) -> tuple[Shape, ...]:
        """(width, height) of the passes that draw it: by about doublings from `working`² pixels to the result's size.

        At most `LARGEST_DRAWN`² pixels are drawn. A result that is asked for as a box or as the photo's own size is
        drawn with at least `working`² pixels, however small.
        """
        result = self.result(photo)
        own = float(self.n or math.sqrt(result[0] * result[1]))
        drawn = min(own, LARGEST_DRAWN) if self.n else min(max(own, working), LARGEST_DRAWN)
        doublings = max(0, round(math.log2(drawn / working)))
        ratio = drawn / working
        smaller = (working_size(photo, round(working * ratio ** (k / doublings))) for k in range(doublings))
        whole = drawn == own and max(result) <= MAX_ASPECT * min(result) and min(result) >= MIN_SIDE
        return (*smaller, result if whole else working_size(photo, round(drawn)))


def working_size(photo: Shape, size: int) -> Shape:
    """(width, height) of about size·size pixels in the photo's shape, for a photo of any size.

    Each side is at least 16. A shape longer than 16:1 is worked on, squeezed, as 16:1; resizing the result to the
    photo's size undoes that.
    """
    width, height = photo
    aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
    return (max(MIN_SIDE, round(size * math.sqrt(aspect))), max(MIN_SIDE, round(size / math.sqrt(aspect))))
