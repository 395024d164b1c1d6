"""Where `stylize` keeps the free diffusion of one photo, for the next prompt on it: in the cache's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ...errors import DiffStylerError
from ..keeping import forbidden

NO_CACHE = "DIFFSTYLER_NO_CACHE"


def kept_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder; None where nothing is to be kept, or nobody knows where."""
    from ...weights.settings import read_settings

    if forbidden(NO_CACHE, environment):
        return None
    try:
        return read_settings(environment=environment).free_diffusion
    except (DiffStylerError, RuntimeError):  # what is wrong there is said by what needs it; no home folder
        return None
