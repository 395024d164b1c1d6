"""The built-in sample: a photo, and what it is turned into where nothing else is said. Importing it costs nothing."""

from __future__ import annotations

from pathlib import Path

SAMPLE = Path(__file__).parent / "images" / "data" / "macaws.jpg"
"""Two macaws, by Steve Kelly, public domain; no model was trained on it."""
SAMPLE_PROMPT = "oil painting"
