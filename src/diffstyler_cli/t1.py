"""T1, the length of free diffusion, as people write it: in steps, "60", or as a multiple of --steps, "1.2x"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import UsageError

MOST_MULTIPLES = 100
MOST_STEPS = 100_000
"""Limits of T1."""
LONG = 2.0
"""Multiples of T from which on so much of the photo is kept that little is painted."""

_TEXT = re.compile(r"\s*(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})\s*([xX]?)\s*", re.ASCII)


@dataclass(frozen=True)
class T1:
    """A length: `value` steps, or `value` times T if it is a `multiple`."""

    value: float
    multiple: bool

    @classmethod
    def parse(cls, text: str) -> T1:
        """Reads "60", "60.0" or "1.2x". Raises `UsageError` for text that is no length, and for one out of bounds."""
        match = _TEXT.fullmatch(str(text))
        if not match or (not match[2] and not float(match[1]).is_integer()):
            raise UsageError(
                f"--t1 {str(text)[:80]!r} is neither a number of steps nor a multiple of --steps.",
                "Try --t1 1.2x or --t1 60.",
            )
        length = cls(float(match[1]), bool(match[2]))
        most = MOST_MULTIPLES if length.multiple else MOST_STEPS
        if length.value > most:
            unit = "x" if length.multiple else ""
            raise UsageError(f"--t1 {text.strip()} is outside [1{unit}, {most}{unit}].", "Try --t1 1.2x.")
        return length

    def steps(self, T: int) -> int:
        """T1 in steps for T sampling steps. Raises `UsageError` where T1 < T (Huang et al. 2022: T ≤ T1)."""
        steps = round(self.value * T) if self.multiple else int(self.value)
        if steps < T:
            raise UsageError(
                f"--t1 {self} is {steps} steps, fewer than --steps {T}: T must not exceed T1.",
                f"Raise --t1 to at least 1.0x ({T}) or lower --steps.",
            )
        return steps

    def multiples(self, T: int) -> float:
        """T1 as a multiple of T."""
        return self.value if self.multiple else self.value / T

    def moved(self, by: float, T: int) -> T1:
        """The length `by` multiples of T longer, never below T, in the form that this one has."""
        value = self.value + (by if self.multiple else by * T)
        return T1(max(1.0, float(f"{value:.3g}")) if self.multiple else float(max(T, round(value))), self.multiple)

    def __str__(self) -> str:
        """As `parse` reads it; a multiple always shows that it may have decimals: "1.0x"."""
        if not self.multiple:
            return f"{self.value:.0f}"
        text = f"{self.value:.12g}"
        return f"{text}x" if "." in text else f"{text}.0x"
