"""How the training pictures are made: patches of an artwork in the place of a photo's, and who is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diffstyler_cli.lite.data import held_out
from diffstyler_cli.lite.files import pack_vocabulary, unpack_vocabulary
from diffstyler_cli.lite.styles import GRID, PHASE, STYLES

pytest.importorskip("cv2", reason="the train extra is not installed")


@pytest.fixture
def photo() -> np.ndarray:
    across = np.linspace(0, 255, 256)
    picture = np.stack([np.tile(across, (256, 1)), np.tile(across[:, None], (1, 256)), np.full((256, 256), 90.0)], 2)
    picture[80:180, 80:180] = (250, 240, 230)
    return picture.astype(np.uint8)


@pytest.fixture
def artwork() -> np.ndarray:
    """Brown stripes three pixels wide, darker to the left."""
    stripes = np.where((np.arange(256) // 3 % 2 == 0)[:, None, None], (220, 110, 60), (150, 70, 40))
    return (stripes * np.linspace(0.2, 1, 256)[None, :, None]).astype(np.uint8)


def test_a_transfer_has_the_artworks_colours_and_the_photos_forms(photo: np.ndarray, artwork: np.ndarray) -> None:
    from diffstyler_cli.lite.transfer import transfer

    out = transfer(photo, artwork, np.random.default_rng(0))
    assert (out.shape, out.dtype) == (photo.shape, np.uint8)
    green, drawn, own = (x[..., 1].astype(float).mean() for x in (artwork, out, photo))
    assert abs(drawn - green) < 25 < abs(own - green)
    light = [np.asarray(Image.fromarray(x).convert("L").reduce(16), float).ravel() for x in (photo, out)]
    assert np.corrcoef(*light)[0, 1] > 0.4
    rows, columns = (np.abs(np.diff(out.astype(float), axis=a)).mean() for a in (0, 1))
    assert rows > 1.5 * columns  # the stripes lie across


def test_a_transfer_is_the_same_for_the_same_seed(photo: np.ndarray, artwork: np.ndarray) -> None:
    from diffstyler_cli.lite.transfer import transfer

    a, b, c = (transfer(photo, artwork, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_palettes_tell_which_artwork_has_the_colours_of_a_photo(photo: np.ndarray, artwork: np.ndarray) -> None:
    from diffstyler_cli.lite.transfer import palette

    alike = np.roll(photo[::-1], 3, axis=1)
    near, far = (np.square(palette(x) - palette(photo)).sum() for x in (alike, artwork))
    assert near < 0.1 * far


def test_every_filter_draws_a_picture_of_the_same_size(photo: np.ndarray) -> None:
    from diffstyler_cli.lite.filters import FILTERS

    for name, draw in FILTERS.items():
        out = draw(photo.copy(), np.random.default_rng(0))
        assert (out.shape, out.dtype) == (photo.shape, np.uint8), name
        assert np.abs(out.astype(int) - photo).mean() > 3, name


def test_every_style_with_artworks_has_an_underpainting(photo: np.ndarray) -> None:
    from diffstyler_cli.lite.underpainting import UNDERPAINTINGS

    assert set(UNDERPAINTINGS) == {style.key for style in STYLES if style.folder}
    for name, draw in UNDERPAINTINGS.items():
        out = draw(photo.copy(), np.random.default_rng(0))
        assert (out.shape, out.dtype) == (photo.shape, np.uint8), name
        assert np.abs(out.astype(int) - photo).mean() > 0.5, name


def test_big_pixels_lie_on_the_grid(photo: np.ndarray) -> None:
    from diffstyler_cli.lite.filters import FILTERS

    out = FILTERS["pixel-art"](photo.copy(), np.random.default_rng(0))
    cell = GRID // 2
    assert np.array_equal(out, out[::cell, ::cell].repeat(cell, 0).repeat(cell, 1))


def test_hatching_repeats_with_the_networks_grid() -> None:
    from diffstyler_cli.lite.brushes import hatching

    grey = np.full((64, 64), 0.4, np.float32)
    lines = hatching(grey, (3, 1), 0.12, 0 * grey)
    assert lines.std() > 0.2
    for axis in (0, 1):
        assert np.allclose(lines, np.roll(lines, PHASE, axis), atol=1e-4)


def test_places_of_a_lattice_repeat_with_the_networks_grid() -> None:
    from diffstyler_cli.lite.brushes import lattice_points

    groups = lattice_points((64, 64), 4, np.random.default_rng(0))
    assert len(groups) == (PHASE // 4) ** 2
    for places in groups:
        cells = (places - places[0]) / PHASE
        assert np.allclose(cells, np.round(cells))


def test_the_highest_place_of_every_square_is_found() -> None:
    from diffstyler_cli.lite.brushes import highest

    field = np.zeros((32, 48), np.float32)
    field[3, 13] = field[20, 20] = 1
    places = highest(field, 16)
    assert len(places) == 6
    assert {(3, 13), (20, 20)} <= {tuple(p) for p in places.astype(int)}
    assert highest(field, 16, least=0.5).astype(int).tolist() == [[3, 13], [20, 20]]


def test_low_poly_and_hatching_follow_from_the_photo_alone(photo: np.ndarray) -> None:
    from diffstyler_cli.lite.filters import FILTERS

    for name in ("low-poly", "engraving-etching", "halftone"):
        a, b = (FILTERS[name](photo.copy(), np.random.default_rng(seed)) for seed in (1, 2))
        assert np.array_equal(a, b), name


def test_every_style_with_artworks_has_exemplars() -> None:
    from diffstyler_cli.lite.exemplars import EXEMPLARS

    assert set(EXEMPLARS) == {style.key for style in STYLES if style.folder}
    for style, names in EXEMPLARS.items():
        assert 3 <= len(set(names)) == len(names) <= 4, style
        assert not any(held_out(Path(name)) for name in names), style


def test_the_hold_out_is_decided_by_the_name_alone() -> None:
    names = [Path(f"{k}.jpg") for k in range(3000)]
    held = [name for name in names if held_out(name)]
    assert 0.04 < len(held) / len(names) < 0.09
    assert all(held_out(Path("elsewhere") / name) for name in held)


def test_an_embedding_table_survives_packing() -> None:
    used = torch.tensor([3, 7, 49406])
    table = torch.zeros(49408, 128)
    table[used] = torch.randn(3, 128)
    packed = pack_vocabulary({"token_embedding.weight": table, "other": torch.ones(2)}, used)
    assert packed["token_embedding.rows"].shape == (3, 128)
    back = unpack_vocabulary(packed)
    assert set(back) == {"token_embedding.weight", "other"}
    assert torch.equal(back["token_embedding.weight"], table)
