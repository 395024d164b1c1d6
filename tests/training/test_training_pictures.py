"""How the training pictures are made: by rules from a photo and from noise alone, and who is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("cv2", reason="OpenCV of the train extra is not installed")

from diffstyler_cli.models.lite.files import unpack_vocabulary
from diffstyler_cli.models.lite.styles import STYLES
from diffstyler_cli.training.data import ART_STYLES, WITHOUT_ARTWORKS, held_out
from diffstyler_cli.training.export import pack_vocabulary
from diffstyler_cli.training.pictures.cells import cell_maxima, lattice_points
from diffstyler_cli.training.pictures.colour import lab_of, towards_palette
from diffstyler_cli.training.pictures.filters import FILTERS
from diffstyler_cli.training.pictures.grid import PERIOD, TILE
from diffstyler_cli.training.pictures.noise_fields import NoiseFields
from diffstyler_cli.training.pictures.painters import PAINTERS
from diffstyler_cli.training.pictures.statistics import MATCHED, MatchStrength, StatisticsMatch, style_statistics
from diffstyler_cli.training.pictures.strokes import edge_flow, hatching, smear


@pytest.fixture
def photo() -> np.ndarray:
    across = np.linspace(0, 255, 256)
    picture = np.stack([np.tile(across, (256, 1)), np.tile(across[:, None], (1, 256)), np.full((256, 256), 90.0)], 2)
    picture[80:180, 80:180] = (250, 240, 230)
    return picture.astype(np.uint8)


def noise(seed: int) -> NoiseFields:
    return NoiseFields(np.random.default_rng(seed).standard_normal((256, 256, 3)))


PALETTE = np.array([[20.0, 5, 10], [50, 40, 30], [60, -20, 20], [70, 0, -30], [92, 0, 8]])
"""Black, red, green, blue and cream, Lab."""


def test_every_style_is_drawn_or_painted() -> None:
    assert not set(FILTERS) & set(PAINTERS)
    assert set(FILTERS) | set(PAINTERS) == {style.key for style in STYLES}
    assert set(ART_STYLES) | WITHOUT_ARTWORKS == {style.key for style in STYLES}
    assert set(PAINTERS) | set(MATCHED) <= set(ART_STYLES)


@pytest.mark.parametrize("style", [*FILTERS, *PAINTERS])
def test_a_picture_follows_from_the_photo_and_the_noise(photo: np.ndarray, style: str) -> None:
    def draw(seed: int) -> np.ndarray:
        if style in FILTERS:
            return FILTERS[style](photo.copy(), noise(seed))
        return PAINTERS[style](photo.copy(), noise(seed), PALETTE)

    first, again, other = draw(1), draw(1), draw(2)
    assert (first.shape, first.dtype) == (photo.shape, np.uint8)
    assert np.abs(first.astype(int) - photo).mean() > 3
    assert np.array_equal(first, again)
    by_rule = {"ink-illustration", "cartoon", "pixel-art", "halftone"}
    assert np.array_equal(first, other) == (style in by_rule)


def test_noise_fields_are_of_unit_deviation_at_every_scale_and_independent() -> None:
    fields = [[noise(3).field(sigma, k) for k in range(3)] for sigma in (0.3, 1.0, 3.0)]
    for row in fields:
        assert [field.std() for field in row] == pytest.approx([1, 1, 1], abs=0.2)
        assert np.abs(np.corrcoef([field.ravel() for field in row]) - np.eye(3)).max() < 0.1


def test_strokes_take_the_default_angle_where_there_are_no_edges(photo: np.ndarray) -> None:
    flow = edge_flow(np.full((64, 64), 0.5, np.float32), 0.4)
    assert np.allclose(np.abs(np.cos(flow - 0.4)), 1, atol=1e-4)
    upright = edge_flow(np.repeat(np.arange(64) > 31, 64).reshape(64, 64).T.astype(np.float32), 0.4)
    assert abs(np.sin(upright[32, 32])) > 0.99


def test_smearing_keeps_what_lies_along_it_and_blurs_what_lies_across() -> None:
    stripes = (np.arange(64) // 4 % 2).astype(np.float32)
    rows, columns = np.repeat(stripes[:, None], 64, 1), np.repeat(stripes[None], 64, 0)
    level = np.zeros((64, 64), np.float32)
    assert np.allclose(smear(rows, level, 8), rows, atol=1e-4)
    assert smear(columns, level, 8)[:, 16:-16].std() < 0.2 * columns.std()


def test_colours_move_to_the_nearest_of_the_palette(photo: np.ndarray) -> None:
    red = np.full((4, 4, 3), (0.75, 0.25, 0.25), np.float32)
    assert np.allclose(lab_of(towards_palette(red, PALETTE, 1.0, 1.0, 2.0)), PALETTE[1], atol=2)
    assert np.allclose(towards_palette(red, PALETTE, 0.0, 1.0), red, atol=1e-3)


def test_matching_moves_lightness_colour_and_texture_to_the_artworks(photo: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    brown = np.linspace(0.3, 1, 256)[:, None, None] * (200, 130, 70)
    artworks = [np.clip(brown + rng.normal(0, 4, photo.shape), 0, 255).astype(np.uint8) for _ in range(3)]
    painted = np.clip(photo + rng.normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    goal, before = style_statistics(artworks), style_statistics([painted])
    after = style_statistics([StatisticsMatch([painted], goal, MatchStrength(1.0, 1.0, 3))(painted)])
    for name in ("lightness", "mean", "octaves"):
        far, near = (np.abs(getattr(x, name) - getattr(goal, name)).mean() for x in (before, after))
        assert near < 0.6 * far, name
    same = StatisticsMatch([photo], goal, MatchStrength(0.0, 0.0, 0))(photo)
    assert np.abs(same.astype(int) - photo).max() <= 3


def test_big_pixels_lie_on_the_grid(photo: np.ndarray) -> None:
    out = FILTERS["pixel-art"](photo.copy(), noise(0))
    cell = TILE // 2
    assert np.array_equal(out, out[::cell, ::cell].repeat(cell, 0).repeat(cell, 1))


def test_hatching_repeats_with_the_networks_grid() -> None:
    grey = np.full((64, 64), 0.4, np.float32)
    lines = hatching(grey, (3, 1), 0.12, 0 * grey)
    assert lines.std() > 0.2
    for axis in (0, 1):
        assert np.allclose(lines, np.roll(lines, PERIOD, axis), atol=1e-4)


def test_places_of_a_lattice_repeat_with_the_networks_grid() -> None:
    groups = lattice_points((64, 64), 4, np.random.default_rng(0))
    assert len(groups) == (PERIOD // 4) ** 2
    for places in groups:
        cells = (places - places[0]) / PERIOD
        assert np.allclose(cells, np.round(cells))


def test_the_highest_place_of_every_square_is_found() -> None:
    field = np.zeros((32, 48), np.float32)
    field[3, 13] = field[20, 20] = 1
    places = cell_maxima(field, 16)
    assert len(places) == 6
    assert {(3, 13), (20, 20)} <= {tuple(p) for p in places.astype(int)}


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
