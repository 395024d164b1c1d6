"""The page in a real browser: what is in it, what keys and pointer do, and that it asks the network for nothing."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sweep_browser import CHROMIUM, Browser

RANGES = {"lam": (0.0, 0.5, 1.0), "t1": ("1.0x", "1.2x")}
SCRIPT = "</script><script>document.title='broken'</script><!--"
pytestmark = pytest.mark.xdist_group("browser")  # one for all tests
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


def test_manifests_hold_every_cell_with_settings_losses_scores_and_time(drawn: Callable[..., Path]) -> None:
    folder = drawn(RANGES, failed=(1,))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["schema"] == "diffstyler.sweep/1"
    assert [cell["status"] for cell in manifest["cells"]] == ["done", "failed", "done", "done", "done", "done"]
    cell = manifest["cells"][4]
    assert (cell["values"], cell["row"], cell["column"]) == ({"lam": 0.5, "t1": "1.2x"}, 2, 2)
    assert cell["settings"]["lam"] == 0.5
    assert cell["command"] == "diffstyler stylize 'my photo.jpg' 'oil painting' --lambda 0.5 --t1 1.2x --seed 7"
    assert (folder / cell["file"]).is_file()
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["lam"] for row in rows] == ["0.0", "0.5", "1.0"] * 2
    assert {"loss_content", "score_clip", "score_ssim", "seconds", "t1", "seed", "prompts"} <= set(rows[0])
    assert "NaN" in rows[1]["error"]


def test_the_page_is_one_file_that_refers_to_nothing_outside(drawn: Callable[..., Path]) -> None:
    page = (drawn(RANGES, prompts=(SCRIPT,)) / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=[\"']?(?!data:)\w", page)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert page.count("</script>") == 2


@needs_browser
def test_a_click_opens_a_cell_beside_the_photo_with_its_command(drawn: Callable[..., Path], browser: Browser) -> None:
    browser.look(1280, 900, "light")
    browser.open(drawn(RANGES, prompts=(SCRIPT,), failed=(1,)) / "index.html")
    assert browser.value("document.title") == f"Sweep: {SCRIPT}"
    assert browser.value("document.querySelectorAll('.cell img').length") == 5
    assert "returned NaN" in browser.value("document.querySelector('.cell.empty').textContent")
    browser.value("document.querySelectorAll('.cell')[1].click()")
    assert not browser.value("document.querySelector('dialog').open"), "an empty cell has nothing to show"
    browser.value("document.querySelectorAll('.cell')[2].click()")
    assert browser.value("document.querySelector('#cell-title').textContent").endswith("λ = 1, T1 = 1.0x")
    assert "--lambda 1 --t1 1.0x" in browser.value("document.querySelector('#of-b .command').textContent")
    box = browser.value("(() => { const b = document.querySelector('.compare').getBoundingClientRect();"
                        "return [b.left, b.top, b.width, b.height] })()")  # fmt: skip
    y = box[1] + box[3] / 2
    browser.drag((box[0] + box[2] / 2, y), (box[0] + box[2] / 4, y))
    assert int(browser.value("document.querySelector('.slide').value")) == pytest.approx(25, abs=1)
    assert browser.value("getComputedStyle(document.querySelector('.after')).clipPath").startswith(
        "inset(0px 0px 0px 2"
    )
    browser.value("document.querySelector('#of-b .copy-command').click()")
    browser.until("document.querySelector('#status').textContent === 'The command of cell 3 is copied.'")
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [
        browser.value("location.href.split('#')[0]")
    ]


@needs_browser
def test_the_keyboard_alone_is_enough(drawn: Callable[..., Path], browser: Browser) -> None:
    browser.look(1280, 900, "dark")
    browser.open(drawn(RANGES) / "index.html")
    browser.press("Tab")  # to the help
    browser.press("Tab")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert browser.value(focused) == "Cell 1: λ = 0, T1 = 1.0x"
    browser.press("ArrowRight")
    browser.press("ArrowDown")
    assert browser.value(focused) == "Cell 5: λ = 0.5, T1 = 1.2x"
    browser.press("Enter")
    assert browser.value("document.querySelector('dialog').open")
    assert browser.value("location.hash") == "#cell-5"
    browser.press("ArrowRight")
    assert browser.value("document.querySelector('.slide').value") == "51"
    browser.press("n")
    assert browser.value("location.hash") == "#cell-6"
    assert browser.value("document.querySelector('#next').disabled")
    browser.press("p")
    browser.press("Escape")
    browser.until(f"{focused} === 'Cell 5: λ = 0.5, T1 = 1.2x'")
    assert not browser.value("document.querySelector('dialog').open")


@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(
    drawn: Callable[..., Path], browser: Browser, theme: str
) -> None:
    browser.look(360, 740, theme)
    long = "an oil painting " * 12 + "unbelievably" * 20
    folder = drawn({"lam": tuple(n / 8 for n in range(9)), "prompt": (long, "油絵")})
    browser.open(folder / "index.html", "#cell-2")
    assert browser.value("document.querySelector('dialog').open"), "a link can lead to a cell"
    assert browser.value("document.querySelector('dialog').scrollWidth") <= 360
    browser.value("document.querySelector('#close').click()")
    assert browser.value("document.documentElement.scrollWidth") == 360
    colours = browser.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", colours)[:3])) < 200) == (theme == "dark")
    assert browser.value("Math.min(...[...document.querySelectorAll('.cell')].map(c => c.clientWidth))") >= 100


@needs_browser
def test_the_scatter_marks_the_front_and_opens_cells(drawn: Callable[..., Path], browser: Browser) -> None:
    browser.look(1280, 900, "light")
    browser.open(drawn(RANGES) / "index.html")
    assert browser.value("document.querySelectorAll('.dot').length") == 6
    assert browser.value("document.querySelectorAll('.dot.best').length") == 3
    assert browser.value("document.querySelectorAll('.star').length") == 3
    browser.value("document.querySelectorAll('.dot')[4].focus()")
    assert "marked" in browser.value("document.querySelectorAll('.cell')[4].className")
    assert "λ = 0.5" in browser.value("document.querySelector('.peek').textContent")
    browser.press("Enter")
    assert browser.value("location.hash") == "#cell-5"
