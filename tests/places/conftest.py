from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from place_files import SIZE, grey


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photo.png, with disc.png, left.png and right.png, which are masks, in an otherwise empty current folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, SIZE[::-1], np.uint8))
    ramp = Image.linear_gradient("L").resize(SIZE)
    Image.merge("RGB", (noise, ramp, ramp.rotate(180))).save("photo.png")
    grey("disc.png", lambda draw: draw.ellipse((20, 14, 50, 42), fill=255))
    grey("left.png", lambda draw: draw.rectangle((0, 0, SIZE[0] // 2 - 1, SIZE[1]), fill=255))
    grey("right.png", lambda draw: draw.rectangle((SIZE[0] // 2, 0, *SIZE), fill=255))
    return tmp_path / "photo.png"
