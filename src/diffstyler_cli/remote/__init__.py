"""Files elsewhere, by address: s3://bucket/a.jpg, gs://, memory://, whatever fsspec has a file system for.

A `Place` is a path or an address; what is asked of it goes to this machine or elsewhere.
"""

from __future__ import annotations

from .address import AnyPlace, Place, Url, is_url, local, place_of, text_of_place
from .files import Found, check_writable, exists, find, is_folder, length, matches, read, state, write
from .systems import Unreachable, Unwritable

__all__ = [
    "AnyPlace", "Found", "Place", "Unreachable", "Unwritable", "Url", "check_writable", "exists", "find", "is_folder",
    "is_url", "length", "local", "matches", "place_of", "read", "state", "text_of_place", "write",
]  # fmt: skip
