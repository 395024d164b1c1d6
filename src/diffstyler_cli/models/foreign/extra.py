"""The libraries that read networks of others, which the core does without. Finding out imports neither."""

from __future__ import annotations

from importlib.util import find_spec

from ...errors import WeightsError

EXTRA = "diffstyler-cli[diffusers]"
LIBRARIES = ("diffusers", "transformers")


def absent() -> list[str]:
    """Those of the libraries that are not installed."""
    return [name for name in LIBRARIES if find_spec(name) is None]


def needs_extra(name: str) -> None:
    """Raises `WeightsError`, naming the extra, where a library that reads the network `name` is not installed."""
    if gone := absent():
        raise WeightsError(
            f"{name} is read by {' and '.join(gone)}, not installed here.",
            f"Run pip install '{EXTRA}', or use the built-in models, which need nothing: --models lite.",
        )
