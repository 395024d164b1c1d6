"""Every block of docs/pipelines.md, run by bash with `diffstyler` in the PATH (the stand-in pipeline behind it)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_harness import FAKE_APP, environment
from PIL import Image

DOCUMENT = Path(__file__).parents[2] / "docs/pipelines.md"
SECTIONS = {
    title: "".join(re.findall(r"^```bash\n(.*?)^```$", body, re.MULTILINE | re.DOTALL))
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
}
TOOLS = ("xargs", "make", "ffmpeg", "convert", "jq", "cmp")


def exists(*names: str) -> Callable[[Path, str], None]:
    def check(folder: Path, out: str) -> None:
        for name in names:
            assert (folder / name).stat().st_size > 0, name

    return check


def every_photo(folder: Path, out: str) -> None:
    assert sorted((folder / "written.txt").read_text().splitlines()) == [
        "holiday/a-oil-painting.png",
        "holiday/deep/b c-oil-painting.png",
    ]


def sorted_by_loss(folder: Path, out: str) -> None:
    values = [float(line.split()[0]) for line in out.splitlines()]
    assert len(values) == 3
    assert values == sorted(values)


def commands(folder: Path, out: str) -> None:
    assert (folder / "again.sh").read_text().startswith("diffstyler stylize photo.jpg oil --steps 2 --seed 4")


def made_once(folder: Path, out: str) -> None:
    assert out.splitlines() == ["painted/p.png", "painted/q.png"]


def film(folder: Path, out: str) -> None:
    assert len(list((folder / "styled").iterdir())) == 4
    exists("styled.mp4")(folder, out)


CHECKS: dict[str, Callable[[Path, str], None]] = {
    "One picture through a pipe": exists("sketch.png"),
    "Every photo below a folder: find, xargs": every_photo,
    "Only what is new: make": made_once,
    "A video, frame by frame: ffmpeg": film,
    "Before and after, side by side: ImageMagick": exists("both.jpg"),
    "Numbers: jq": sorted_by_loss,
    "The pictures of a folder that diffstyler made, and how": commands,
    "The same picture again, elsewhere": exists("out.png", "again.png"),
    "The same style on another photo": exists("second.png"),
    "Acting on the outcome": lambda folder, out: exists("painting.png")(folder, out),
    "A log for a bug report": lambda folder, out: exists("logged.png", "diffstyler.log")(folder, out),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos, folders of photos, and `diffstyler` in bin/."""
    photo = Image.linear_gradient("L").resize((40, 30)).convert("RGB")
    for name in ("photo.jpg", "other.jpg", "holiday/a.jpg", "holiday/deep/b c.jpg", "photos/p.jpg", "photos/q.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        photo.save(tmp_path / name)
    command = tmp_path / "bin/diffstyler"
    command.parent.mkdir()
    # few steps, so that it is quick; only stylize has them
    command.write_text(
        f'#!/bin/bash\nif [ "$1" = stylize ]; then shift; set -- stylize "$@" --steps 2; fi\n'
        f'exec "{sys.executable}" "{FAKE_APP}" "$@"\n'
    )
    command.chmod(0o755)
    return tmp_path


def run(folder: Path, script: str) -> str:
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment(PATH=path), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_section_has_a_check() -> None:
    assert list(SECTIONS) == list(CHECKS)


@pytest.mark.parametrize("title", CHECKS)
def test_a_recipe_of_the_document_works(folder: Path, title: str) -> None:
    script = SECTIONS[title]
    for tool in TOOLS:
        if re.search(rf"^\s*{tool}\b", script, re.M) and (not shutil.which(tool) or not works(tool)):
            pytest.skip(f"no {tool} here")
    if "make" in title:
        makefile = re.search(r"^```makefile\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
        assert makefile is not None
        (folder / "Makefile").write_text(makefile[1])
    if "clip.mp4" in script:
        run(folder, "ffmpeg -loglevel error -f lavfi -i testsrc=duration=1:size=64x48:rate=8 clip.mp4")
    if "how" in title:
        run(folder, "diffstyler stylize photo.jpg oil -q --seed 4; cp photo.jpg plain.png")
    out = run(folder, script)
    CHECKS[title](folder, out)


def works(tool: str) -> bool:
    """Whether `convert` is ImageMagick's: Windows and others have commands of that name too."""
    if tool != "convert":
        return True
    return "ImageMagick" in subprocess.run([tool, "-version"], capture_output=True, text=True, check=False).stdout


def test_a_failed_one_does_not_stop_xargs(folder: Path) -> None:
    (folder / "holiday/bad.jpg").write_bytes(b"<html>")
    with pytest.raises(AssertionError):
        run(folder, SECTIONS["Every photo below a folder: find, xargs"])
    every_photo(folder, "")


def test_the_document_s_exit_codes(folder: Path) -> None:
    script = SECTIONS["Acting on the outcome"]
    (folder / "photo.jpg").write_bytes(b"<html>")
    assert run(folder, script) == "not a picture\n"


def test_json_stays_json_in_a_pipe(folder: Path) -> None:
    assert json.loads(run(folder, "diffstyler inspect photo.jpg --json | cat"))["ok"] is True
