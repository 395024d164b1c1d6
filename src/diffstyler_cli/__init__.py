"""Text-driven stylisation by dual diffusion (Huang et al. 2022, DiffStyler).

    from diffstyler_cli import Stylizer

    result = Stylizer.load("lite").stylize("photo.png", ["oil painting"], lam=0.8, t1="1.2x")
    result.image.save("out.png")

Importing the package is cheap; torch is imported when `Stylizer` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .config import MachineConfig, StylizeConfig
from .errors import DiffStylerError
from .version import __version__

if TYPE_CHECKING:
    from .pipeline import Event, Finished, Progress, Stylizer, StylizeResult

__all__ = [
    "DiffStylerError",
    "Event",
    "Finished",
    "MachineConfig",
    "Progress",
    "StylizeConfig",
    "StylizeResult",
    "Stylizer",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in ("Event", "Finished", "Progress", "StylizeResult", "Stylizer"):
        from . import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
