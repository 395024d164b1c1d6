"""One cell against the photo or another cell, in a real browser: slider, side by side, zoom, keys, touch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sweep_browser import CHROMIUM, Browser

RANGES = {"lam": (0.0, 0.5, 1.0), "t1": ("1.0x", "1.2x")}
pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
TITLE = "document.querySelector('#cell-title').textContent"
ZOOMS = "[...document.querySelectorAll('.pane img')].map(i => { const m = new DOMMatrix(getComputedStyle(i).transform);"
ZOOMS += "return [m.a, m.e / i.offsetWidth, m.f / i.offsetHeight].map(v => Math.round(v * 1000) / 1000) })"
LABELS = "[...document.querySelectorAll('.pane span')].map(s => s.textContent)"
HASH = "location.hash"
SIDEWAYS = (
    "[document.documentElement, ...document.querySelectorAll('dialog[open]')].every(e => e.scrollWidth <= {width})"
)


@pytest.fixture
def desktop(drawn: Callable[..., Path], browser: Browser) -> Browser:
    browser.look(1280, 900, "light")
    browser.open(drawn(RANGES, failed=(1,), size=(390, 260)) / "index.html", "#cell-3")
    return browser


def box(browser: Browser, selector: str) -> list[float]:
    found: list[float] = browser.value(
        f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect();"
        "return [b.left, b.top, b.width, b.height] })()"
    )
    return found


def close(browser: Browser) -> None:
    """Esc, until the cell that was open has the focus."""
    browser.press("Escape")
    browser.until("!document.querySelector('#viewer').open && document.activeElement.className.startsWith('cell')")


def choose(browser: Browser, selector: str, value: object) -> None:
    browser.value(
        f"(() => {{ const s = document.querySelector('{selector}'); s.value = '{value}';"
        "s.dispatchEvent(new Event('change')) })()"
    )


def test_any_two_cells_are_set_against_each_other_each_with_its_command(desktop: Browser) -> None:
    options = desktop.value("[...document.querySelectorAll('#a option')].map(o => o.textContent)")
    assert options[0] == "the photo"
    assert len(options) == 6, "the photo and the five cells that there are"
    choose(desktop, "#a", 4)
    assert desktop.value(TITLE) == "Cell 5 and cell 3"
    labels = desktop.value(LABELS)
    assert (labels[0][:11], labels[1][:11]) == ("A · cell 5:", "B · cell 3:")
    assert desktop.value(HASH) == "#cells-5-3"
    sources = desktop.value("['#of-a', '#of-b'].map(s => document.querySelector(s + ' .command').textContent)")
    assert "--lambda 0.5 --t1 1.2x" in sources[0]
    assert "--lambda 1 --t1 1.0x" in sources[1]
    assert "(A 0.5" in desktop.value("document.querySelector('#of-b').textContent"), "the numbers of A stand beside"
    pictures = desktop.value("[...document.querySelectorAll('.pane img')].map(i => i.src)")
    assert pictures == desktop.value("[data.cells[4].src, data.cells[2].src]")
    desktop.value("document.querySelector('#of-a .copy-command').click()")
    desktop.until("document.querySelector('#status').textContent === 'The command of cell 5 is copied.'")
    desktop.until("document.querySelector('#of-a .copy-command').textContent === 'Copied'")
    choose(desktop, "#b", 4)
    assert desktop.value(HASH) == "#cell-5", "no cell is compared with itself"
    choose(desktop, "#a", "")
    assert desktop.value(LABELS)[0] == "A · photo"
    assert desktop.problems == []


def test_side_by_side_both_are_whole_and_beside_each_other(desktop: Browser) -> None:
    desktop.value("document.querySelector('#beside').click()")
    left, right = box(desktop, ".before"), box(desktop, ".after")
    assert left[2:] == right[2:]
    assert left[0] + left[2] < right[0]
    assert desktop.value("getComputedStyle(document.querySelector('.after')).clipPath") == "none"
    assert box(desktop, ".slide")[2] == 0
    desktop.press("s")
    assert box(desktop, ".before") == box(desktop, ".after")
    assert desktop.value("document.querySelector('#slider').getAttribute('aria-pressed')") == "true"


def test_the_wheel_zooms_at_its_place_and_dragging_moves_both_pictures(desktop: Browser) -> None:
    desktop.value("document.querySelector('#beside').click()")
    left, top, width, height = box(desktop, ".after")
    desktop.wheel(left + width / 4, top + height / 2, -60)
    desktop.until(f"({ZOOMS})[0][0] > 1.2")
    first, second = desktop.value(ZOOMS)
    assert first == second, "both are in step"
    zoom, x, y = first
    assert (0.25 - x) / zoom == pytest.approx(0.25, abs=0.01), "what is under the pointer stays there"
    assert (0.5 - y) / zoom == pytest.approx(0.5, abs=0.01)
    desktop.press("+")
    desktop.press("+")
    before = desktop.value(ZOOMS)[0]
    here = box(desktop, ".before")
    desktop.drag((here[0] + 200, here[1] + 100), (here[0] + 170, here[1] + 80))
    after = desktop.value(ZOOMS)
    assert after[0] == after[1]
    assert after[0][1] == pytest.approx(before[1] - 30 / width, abs=0.004)
    assert after[0][2] == pytest.approx(before[2] - 20 / height, abs=0.004)
    desktop.drag((here[0] + 10, here[1] + 10), (here[0] + 5000, here[1] + 5000))
    assert desktop.value(ZOOMS)[0][1:] == [0, 0], "not beyond the picture's edge"
    desktop.press("ArrowRight", shift=True)
    assert desktop.value(ZOOMS)[1][1] == pytest.approx(-0.1)
    desktop.press("0")
    assert desktop.value(ZOOMS) == [[1, 0, 0]] * 2
    assert desktop.value("document.querySelector('#whole').textContent") == "1×"


def test_in_the_slider_a_zoomed_picture_is_dragged_and_the_divider_where_it_is(desktop: Browser) -> None:
    left, top, width, height = box(desktop, ".compare")
    for _ in range(3):
        desktop.value("document.querySelector('#in').click()")
    divider = "document.querySelector('.slide').value"
    desktop.drag((left + width / 4, top + height / 2), (left + width / 4 - 40, top + height / 2))
    assert desktop.value(divider) == "50"
    assert desktop.value(ZOOMS)[0][1] < -0.5
    desktop.drag((left + width / 2 + 5, top + height / 2), (left + width * 0.75, top + height / 2))
    assert int(desktop.value(divider)) == pytest.approx(75, abs=1)


def test_keys_hold_exchange_and_go_on(desktop: Browser) -> None:
    desktop.press("c")
    assert desktop.value(HASH) == "#cells-3-4"
    desktop.press("n")
    assert desktop.value(HASH) == "#cells-3-5"
    desktop.press("x")
    assert desktop.value(HASH) == "#cells-5-3"
    desktop.press("n")
    assert desktop.value(HASH) == "#cells-5-4"
    desktop.press("n")
    assert desktop.value(HASH) == "#cells-5-6", "A is stepped over"
    desktop.press("c")
    assert desktop.value(HASH) == "#cell-6"
    close(desktop)
    desktop.until("document.activeElement.getAttribute('aria-label').startsWith('Cell 6')")


def test_two_cells_are_chosen_by_c_in_the_grid(desktop: Browser) -> None:
    close(desktop)
    desktop.press("c")
    assert desktop.value("document.querySelectorAll('.cell')[2].querySelector('.held').textContent") == "A"
    assert "Cell 3 is A" in desktop.value("document.querySelector('#held').textContent")
    desktop.press("ArrowLeft")
    desktop.press("c")
    assert not desktop.value("document.querySelector('#viewer').open"), "a cell that failed has nothing to compare"
    desktop.press("ArrowDown")
    desktop.press("c")
    assert desktop.value(HASH) == "#cells-3-5"
    assert desktop.value("document.querySelector('#beside').getAttribute('aria-pressed')") == "true"
    assert desktop.value("document.querySelectorAll('.held').length") == 0


def test_the_help_comes_and_goes_by_its_key_and_esc_closes_one_thing_at_a_time(desktop: Browser) -> None:
    desktop.press("?")
    assert desktop.value("document.querySelector('#help').open")
    desktop.press("n")
    assert desktop.value(HASH) == "#cell-3", "other keys rest meanwhile"
    desktop.press("Escape")
    desktop.until("!document.querySelector('#help').open")
    assert desktop.value("document.querySelector('#viewer').open")
    close(desktop)
    desktop.press("?")
    assert desktop.value("document.querySelector('#help').open")
    desktop.press("?")
    assert not desktop.value("document.querySelector('#help').open")


def test_the_table_of_numbers_copies_the_command_of_every_cell(desktop: Browser) -> None:
    close(desktop)
    desktop.value("document.querySelector('details').open = true")
    desktop.value("document.querySelectorAll('.numbers button')[5].click()")
    desktop.until("document.querySelectorAll('.numbers button')[5].textContent === 'Copied'")
    desktop.until("document.querySelectorAll('.numbers button')[5].textContent === 'Copy'")


@pytest.mark.parametrize("size", [(390, 260), (200, 390)], ids=["wide", "tall"])
def test_on_a_phone_two_cells_fit_and_fingers_zoom_them(
    drawn: Callable[..., Path], browser: Browser, size: tuple[int, int]
) -> None:
    browser.look(360, 740, "dark")
    browser.open(drawn(RANGES, prompts=("an oil painting of " * 9,), size=size) / "index.html", "#cells-2-6")
    assert browser.value("document.querySelector('#beside').getAttribute('aria-pressed')") == "true"
    assert browser.value(SIDEWAYS.format(width=360))
    first, second = box(browser, ".before"), box(browser, ".after")
    assert first[2] > 150
    assert (second[1] > first[1]) == (size[0] > size[1]), "wide pictures lie one below the other"
    assert second[1] + second[3] < 740, "both are on the screen"
    x, y = first[0] + first[2] / 2, first[1] + first[3] / 2
    browser.touch([(x - 20, y), (x + 20, y)], [(x - 30, y), (x + 30, y)], [(x - 50, y), (x + 50, y)])
    zooms = browser.value(ZOOMS)
    assert zooms[0] == zooms[1]
    assert zooms[0][0] == pytest.approx(2.5, abs=0.1)
    browser.touch([(x, y)], [(x - 15, y)], [(x - 30, y)])
    assert browser.value(ZOOMS)[0][1] < zooms[0][1]
    browser.value("document.querySelector('#viewer .help').click()")
    assert browser.value(SIDEWAYS.format(width=360))
    browser.value("document.querySelector('#help-close').click()")
    browser.value("document.querySelector('#slider').click()")
    assert browser.value(SIDEWAYS.format(width=360))
    assert browser.problems == []
