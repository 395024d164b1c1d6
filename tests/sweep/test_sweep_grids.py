from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from diffstyler_cli.errors import UsageError
from diffstyler_cli.images.grids import GAP, PAPER, Labels, _layout, _Pen, check_grid, draw_grid, wrap

LONG = "an oil painting in the manner of the old masters, with " + "unbelievably" * 20
PHOTO = Image.new("RGB", (300, 200), "navy")


@given(st.text(max_size=60), st.integers(1, 30), st.integers(1, 4))
def test_wrapped_text_fits_and_loses_nothing_without_an_ellipsis(text: str, width: int, lines: int) -> None:
    found = wrap(text, width, lines, len)
    assert len(found) <= lines
    assert all(len(line) <= width for line in found)
    if not any(line.endswith("...") or not line for line in found):
        assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize("text", [LONG, "λ = 0.25", "油絵 шедевр", "", " \n", "a" * 500])
@pytest.mark.parametrize("size", [(150, 60), (40, 30), (12, 9)])
def test_no_label_leaves_its_box(text: str, size: tuple[int, int]) -> None:
    sheet = Image.new("RGB", (size[0] + 80, size[1] + 80), PAPER)
    box = (40, 40, 40 + size[0], 40 + size[1])
    _Pen(ImageDraw.Draw(sheet), text).write(box, text, 14, "black")
    inked = ImageChops.difference(sheet, Image.new("RGB", sheet.size, PAPER)).getbbox()
    margin = 2 if size[1] > 20 else 8  # a box lower than a line of text still shows one
    assert inked is None or (inked[0] >= 40 and inked[2] <= box[2] + 1)
    assert inked is None or (inked[1] >= 40 - margin and inked[3] <= box[3] + margin)


def test_cells_stand_where_their_values_are_and_missing_ones_are_empty() -> None:
    asked = []

    def cell(row: int, column: int) -> Image.Image | str:
        asked.append((row, column))
        return "failed: no reason" if (row, column) == (1, 0) else Image.new("RGB", (80, 60), (250, 40 * column, 9))

    sheet = draw_grid(cell, (80, 60), PHOTO, Labels(["λ = 0", LONG, "λ = 1"], ["T1 = 1x", LONG], LONG))
    plan = _layout((80, 60), 3, 2)
    assert sheet.size == plan.size
    assert asked == [(r, c) for r in range(2) for c in range(3)]
    assert sheet.getpixel((plan.left + 2 * (80 + GAP) + 40, plan.top + 30)) == (250, 80, 9)
    assert sheet.getpixel((plan.left + 3, plan.top + 60 + GAP + 3)) == (0xE9, 0xEC, 0xEF)
    assert sheet.getpixel((plan.left // 2, plan.top // 2 - 4)) == (0, 0, 128), "the photo is in the corner"


def test_a_grid_that_is_too_large_is_refused_with_its_size() -> None:
    check_grid((256, 256), 12, 9)
    with pytest.raises(UsageError, match=r"40 x 3 cells would have \d+ x \d+") as caught:
        check_grid((512, 512), 40, 3)
    assert "--no-grid" in caught.value.advice
