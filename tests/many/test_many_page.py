"""What `inspect` says of a folder of many pictures, and its contact sheet in a browser."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_harness import QUICK, Outcome

sys.path.insert(0, str(Path(__file__).parents[1] / "sweep"))

from sweep_browser import CHROMIUM, Browser

Cli = Callable[..., Outcome]


@pytest.fixture
def folder(cli: Cli, photo: Path) -> Path:
    """out/, with pictures of a.png and b<i>.png in two styles, and two failures."""
    Path("photos").mkdir()
    for name in ("a.png", "b<i>&amp;.png"):
        shutil.copy(photo, Path("photos") / name)
    Path("photos/c.png").write_bytes(b"</script><!--")
    assert cli("stylize", "photos", "oil", "-p", "oil", "-o", "x").code == 2
    words = ("-p", "oil painting", "-p", "<b>bold</b> woodcut", "--each", "--as-typed")
    assert cli("stylize", "photos", *words, "-o", "out", *QUICK).code == 6
    return photo.parent / "out"


def test_the_summary_has_counts_failures_by_kind_and_times(cli: Cli, folder: Path) -> None:
    outcome = cli("inspect", "out")
    said = outcome.out.decode()
    assert "6 pictures: 4 done, 2 failed" in said
    assert "an input image could not be used" in said
    assert "photos/c.png: c.png is not an image" in said
    assert "s a picture" in said
    assert "--retry-failed" in said
    many = json.loads(cli("inspect", "out", "--json").out)["files"][0]["many"]
    assert (many["done"], many["failed"], many["runs"]) == (4, 2, 1)
    assert many["failures"] == [{"code": 3, "kind": "InputImageError", "pictures": 2}]
    assert len(many["pictures"]) == 6
    (folder / "a-oil-painting.png").unlink()
    assert "3 done, 2 failed, 1 gone" in cli("inspect", "out").out.decode()
    assert len(cli("inspect", "out", "-q").out.splitlines()) == 3


def test_a_manifest_that_leads_elsewhere_shows_nothing_of_there(cli: Cli, folder: Path, photo: Path) -> None:
    row = {"kind": "picture", "file": "../photo.png", "status": "done", "photo": "/etc/passwd", "input": "1-1"}
    odd = {"kind": "picture", "file": "x", "status": "failed", "code": "x", "prompts": 5, "seconds": [], "error": {}}
    with (folder / "manifest.jsonl").open("a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in (row, odd, {"kind": "run", "seed": []})))
    assert cli("inspect", "out").code == 0
    assert cli("inspect", "out", "--page").out == b"out/index.html\n"
    assert "passwd" not in (folder / "index.html").read_text()


def test_a_page_of_somebody_else_and_a_folder_without_pictures_are_refused(cli: Cli, folder: Path) -> None:
    (folder / "index.html").write_text("<title>mine</title>")
    outcome = cli("inspect", "out", "--page")
    assert outcome.code == 1
    assert "no contact sheet" in outcome.err
    assert (folder / "index.html").read_text() == "<title>mine</title>"
    assert cli("inspect", "photos", "--page").code == 3
    assert cli("inspect", "photos").code == 3
    assert cli("inspect", "--page").code == 2


@pytest.fixture
def page(cli: Cli, folder: Path) -> Path:
    assert cli("inspect", "out", "--page").code == 0
    return folder / "index.html"


@pytest.fixture
def browser(page: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with Browser() as one:
        one.open(page)
        yield one
        assert one.problems == []
        assert all(url.startswith(("data:", page.as_uri())) for url in one.requests)


def test_every_picture_is_on_the_sheet_with_its_photo_and_command(browser: Browser) -> None:
    assert browser.value("document.querySelectorAll('#sheet .cell img').length") == 4
    assert browser.value("document.querySelectorAll('#sheet .empty').length") == 2
    assert "4 pictures, 2 failed" in browser.value("document.querySelector('#facts').textContent")
    names = browser.value("[...document.querySelectorAll('#sheet .name')].map((e) => e.textContent)")
    assert names.count("b<i>&amp;.png") == 2
    assert browser.value("document.querySelector('#sheet b, #sheet i')") is None
    browser.value("document.querySelector('.cell').focus()")
    browser.press("ArrowRight")
    browser.press("Enter")
    browser.until("document.querySelector('#viewer').open")
    assert browser.value("document.querySelector('.before img').src.startsWith('data:image/webp')")
    assert "stylize photos/a.png" in browser.value("document.querySelector('.command').textContent")
    first = browser.value("document.querySelector('#cell-title').textContent")
    browser.press("n")
    assert browser.value("document.querySelector('#cell-title').textContent") != first
    browser.press("ArrowLeft")
    assert (
        browser.value("getComputedStyle(document.querySelector('.compare')).getPropertyValue('--at').trim()") == "49%"
    )
    browser.press("Escape")
    browser.until("!document.querySelector('#viewer').open")


def test_pictures_are_found_by_name_prompt_and_state(browser: Browser) -> None:
    shown = "[...document.querySelectorAll('#sheet .cell')].filter((e) => !e.hidden).length"

    def find(text: str) -> None:
        browser.value(f"document.querySelector('#find').value = '{text}'")
        browser.value("document.querySelector('#find').dispatchEvent(new Event('input'))")

    find("a.png wood")
    assert browser.value(shown) == 1
    find("")
    browser.value("document.querySelectorAll('#which button')[2].click()")
    assert browser.value(shown) == 2
    browser.value("document.querySelectorAll('#which button')[1].click()")
    assert browser.value(shown) == 4
