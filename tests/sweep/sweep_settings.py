"""Settings of a run that takes a moment."""

from __future__ import annotations

from diffstyler_cli.config import StylizeConfig

SMALL = StylizeConfig(size=64, steps=2, cutouts=2, seed=7)
