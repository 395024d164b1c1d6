"""The recipe of a picture: its schema, reading one that nobody vouches for, comparing two. No torch, no Pillow.

Built as a `Record` and written as `Record(...).to_json()`; read as `Recipe(data)`.
"""

from __future__ import annotations

from .comparing import differences, same_but_for_time
from .reading import TOTAL, Loss, Model, PlacesRead, Recipe, Source, number
from .schema import FIELDS, SCHEMA, Record

__all__ = [
    "FIELDS",
    "SCHEMA",
    "TOTAL",
    "Loss",
    "Model",
    "PlacesRead",
    "Recipe",
    "Record",
    "Source",
    "differences",
    "number",
    "same_but_for_time",
]
