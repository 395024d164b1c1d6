"""Small pictures that users' files were like and that were read wrongly, each with its right reading."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import read_image, resized, squeezed

MAKER = Path(__file__).parents[3] / "shared" / "field" / "make_pictures.py"
SAID = {
    "twelve-in-sixteen.tif": "brightest value is",
    "cicp-pq.png": "HDR (PQ)",
    "profile-1.5MB.png": "profile cannot be used",
    "no-end-marker.jpg": "end marker is missing",
}
"""The one notice of a picture that is read."""
REFUSED = {
    "half.avif": "is cut short",
    "cut.webp": "is cut short",
    "camera-raw.dng": "camera raw",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    if not MAKER.is_file():
        pytest.skip("needs ../shared/field: pictures of users that were read wrongly")
    folder = tmp_path_factory.mktemp("field")
    folder.joinpath("pictures").mkdir()
    arguments, sys.argv = sys.argv, [str(MAKER), str(folder / "pictures"), str(sample)]
    try:
        spec = importlib.util.spec_from_file_location("make_pictures", MAKER)
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    finally:
        sys.argv = arguments
    return folder / "pictures"


@pytest.fixture(scope="module")
def sample() -> Path:
    from diffstyler_cli.sample import SAMPLE

    return SAMPLE


def test_every_picture_is_read_right_or_refused_in_clear_words(pictures: Path) -> None:
    expected: dict[str, dict[str, Any]] = json.loads((pictures / "expected.json").read_text())
    assert set(SAID) | set(REFUSED) <= set(expected)
    for name, wanted in expected.items():
        if name in REFUSED:
            with pytest.raises(InputImageError, match=REFUSED[name]):
                read_image(pictures / name)
            continue
        loaded = read_image(pictures / name)
        assert len(loaded.notes) == (name in SAID), (name, loaded.notes)
        assert SAID.get(name, "") in "".join(loaded.notes)
        alpha = None if loaded.alpha is None else np.asarray(loaded.alpha)
        if wanted["alpha_mean"] is not None:
            assert alpha is not None, name
            assert alpha.mean() == pytest.approx(wanted["alpha_mean"], abs=0.1), name
        reference = pictures / f"{name}.reference.png"
        if reference.exists():
            with Image.open(reference) as image:
                difference = np.abs(np.asarray(image).astype(int) - np.asarray(loaded.rgb))
            assert (difference if alpha is None else difference[alpha > 0]).mean() <= 2, name


def test_a_cut_out_has_no_rim_and_a_panorama_is_named(pictures: Path) -> None:
    loaded = read_image(pictures / "cut-out.png")
    assert loaded.alpha is not None
    edge = np.asarray(loaded.alpha.resize((128, 128), Image.Resampling.LANCZOS))
    colours = np.asarray(resized(loaded.rgb, (128, 128), loaded.alpha))[(edge >= 100) & (edge < 200)].astype(int)
    assert np.abs(colours - (90, 0, 0)).max() <= 8
    assert "75:1" in squeezed(read_image(pictures / "panorama-75-to-1.png").original_size)
