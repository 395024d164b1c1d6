"""A sweep as a person at a terminal sees it, with the real models: the bars, and the menu at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pexpect  # type: ignore[import-untyped]
import pyte
import pytest
from PIL import Image

from diffstyler_cli.images.metadata import read_recipe
from diffstyler_cli.sample import SAMPLE

ENTER, CTRL_U = "\r", "\x15"
SECONDS = 300


class Screen:
    def __init__(self, folder: Path, *arguments: str, **changes: str) -> None:
        self.screen = pyte.Screen(110, 50)
        self.stream = pyte.ByteStream(self.screen)
        source = Path(__file__).parents[2] / "src"
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(source), "LANG": "C.UTF-8",
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "OMP_NUM_THREADS": "1", "PROMPT_TOOLKIT_NO_CPR": "1",
            **changes,
        }  # fmt: skip
        code = "from diffstyler_cli.cli.app import main; main()"
        self.child = pexpect.spawn(
            sys.executable, ["-c", code, *arguments], cwd=str(folder), env=environment, dimensions=(50, 110),
            timeout=SECONDS,
        )  # fmt: skip

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def see(self, text: str) -> str:
        while text not in self.text():
            try:
                self.stream.feed(self.child.read_nonblocking(65536, timeout=SECONDS))
            except pexpect.EOF:
                raise AssertionError(self.text()) from None
        return self.text()

    def press(self, keys: str) -> None:
        self.child.send(keys)


@pytest.mark.slow
def test_bars_thumbnails_and_a_menu_to_keep_a_cell_or_look_closer(tmp_path: Path) -> None:
    quick = ["--size", "64", "--steps", "2", "--cutouts", "2", "--models", "lite"]
    window = Screen(tmp_path, "sweep", "--lambda", "0,1", "--preview", "-o", "s", *quick)
    window.see("What next?")
    menu = window.see("0  done")
    assert "2/2 cells" in menu
    assert "▀▀▀" in menu, "finished cells are shown"
    assert "keep a cell under a name" in menu
    assert "render a cell larger  (diffstyler stylize ... --size 128)" in menu
    assert "sweep finer around a cell  (diffstyler sweep ... --lambda" in menu
    assert "open the page in the browser  (--open)" in menu
    window.press("2")
    window.see("0  back")
    assert "cell 1: λ 0  (CLIP" in window.text()
    window.press("2")
    window.see("Keep it as")
    window.press(CTRL_U + "mine" + ENTER)
    window.see("\nmine.png")
    recipe = read_recipe(tmp_path / "mine.png")
    assert recipe is not None
    assert recipe["settings"]["lam"] == 1.0
    window.press("4")
    window.see("Which cell?")
    window.press("1")
    window.see("3 pictures, λ 0, 0.25, 0.5; about")
    window.press(ENTER)
    window.see("s-2/index.html")
    assert len(list((tmp_path / "s-2" / "cells").iterdir())) == 3
    window.press("3")
    window.see("Which cell?")
    window.press("lambda")
    window.see("Nothing here has 'lambda' in it.")
    window.press(CTRL_U + "λ 0.5")
    window.see("» 3  cell 3: λ 0.5")
    assert "cell 2" not in window.text().rpartition("Which cell?")[2]
    window.press(ENTER)
    window.see("$ diffstyler stylize")
    window.see("macaws-oil-painting.png")
    window.see("» 1  open the page")
    with Image.open(tmp_path / "macaws-oil-painting.png") as picture:
        assert max(picture.size) > 128
    window.press("q")
    window.child.expect(pexpect.EOF)
    window.child.close()
    assert window.child.exitstatus == 0


@pytest.mark.slow
def test_a_stylised_picture_is_set_among_its_neighbours(tmp_path: Path) -> None:
    shutil.copy(SAMPLE, tmp_path / "photo.jpg")
    quick = ["--size", "64", "--steps", "1", "--cutouts", "1", "--models", "lite", "--seed", "4"]
    window = Screen(tmp_path, "stylize", "photo.jpg", "mosaic", "-o", "out.png", "--interactive", *quick)
    words = "--lambda 0.7,0.9,1 --t1 1.1x,1.5x,2.6x"  # T1 in 1, 2 and 3 steps
    assert f"sweep around this  (diffstyler sweep ... {words})" in window.see("0  done")
    window.press("7")
    window.see("9 pictures, λ 0.7, 0.9, 1; T1 1, 2, 3 steps; about")
    window.press(ENTER)
    window.see("sweep finer around a cell")
    manifest = json.loads((tmp_path / "photo-sweep" / "manifest.json").read_bytes())
    assert manifest["complete"]
    assert {cell["settings"]["seed"] for cell in manifest["cells"]} == {4}
    assert [axis["name"] for axis in manifest["axes"]] == ["lam", "t1"]
    assert len(manifest["cells"]) == 9
    window.child.close(force=True)


@pytest.mark.slow
def test_sweep_alone_asks_and_enter_takes_the_sample_and_the_first_style(tmp_path: Path) -> None:
    window = Screen(tmp_path, "sweep")
    window.see("Which photo?  (Enter: the built-in sample; Tab completes; Esc: back)")
    window.press("gone.png" + ENTER)
    window.see("does not exist")
    window.press(CTRL_U + ENTER)
    window.see("something else: type it")
    window.press(ENTER)
    window.see("Nothing is varied: this is --lambda 0,0.5,1 --t1 1.0x,1.2x,1.6x.")
    window.see("in macaws-oil-painting-sweep")
    window.see("0/9 cells")
    window.press("\x03")
    window.child.expect(pexpect.EOF)
    window.child.close()
    assert window.child.exitstatus == 130
    assert not list(tmp_path.glob("macaws*")), "nothing was made yet"


@pytest.mark.slow
def test_ctrl_c_in_a_finer_sweep_comes_back_to_the_menu_of_the_first(tmp_path: Path) -> None:
    quick = ["--size", "64", "--steps", "2", "--cutouts", "2", "--models", "lite"]
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    path = f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    window = Screen(tmp_path, "sweep", "--lambda", "0,1", "-o", "s", "--open", *quick, PATH=path)
    window.see("0  done")
    assert (tmp_path / "opened").read_text() == str(tmp_path / "s" / "index.html")
    (tmp_path / "opened").unlink()
    window.press("1")
    window.see("What next?  open the page")
    window.see("» 1")
    assert (tmp_path / "opened").read_text() == str(tmp_path / "s" / "index.html")
    window.press("4")
    window.see("Which cell?")
    window.press("\x1b")
    window.see("» 1")
    window.press("4")
    window.see("0  back")
    window.press("2")
    window.see("Start? (Y/n)")
    window.press("y")
    window.see("$ diffstyler sweep")
    window.press("\x03")
    window.see("Interrupted")
    window.see("» 1")
    window.press("q")
    window.child.expect(pexpect.EOF)
    window.child.close()
    assert window.child.exitstatus == 0


@pytest.mark.slow
def test_sweeps_of_many_photos_move_three_bars_and_end_in_a_table_without_a_menu(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for name in ("a", "b"):
        Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(tmp_path / "p" / f"{name}.png")
    (tmp_path / "p" / "c.png").write_bytes(b"<html>")
    quick = ["--size", "64", "--steps", "6", "--cutouts", "2", "--models", "lite"]
    window = Screen(tmp_path, "sweep", "p", "woodcut", "--lambda", "0,1", "-o", "out", *quick)
    window.see("Cells")
    assert "Sweeps" in window.see("of p/a.png")
    window.see("1/3 p/a.png: 2 cells in")
    shown = window.see("error: 1 of 3 sweeps failed, p/c.png: c.png is a web page")
    assert "2 done, 1 failed, in out" in shown
    assert re.search("p/b.png +done +2/2", shown)
    assert [line for line in shown.splitlines() if line.startswith("out/")] == [
        "out/a/index.html", "out/b/index.html", "out/index.html",
    ]  # fmt: skip
    window.child.expect(pexpect.EOF)
    window.child.close()
    assert window.child.exitstatus == 6
