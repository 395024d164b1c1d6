"""Paints photos in every style that the lite models know, by default settings and seed 1, as the sheet of docs/lite.md.

`python docs/pictures/contact.py PHOTO... --folder WORK [--part 1/2] [--sheet SHEET.jpg]`. Pictures that are in the
folder already are kept, so that it goes on where it stopped, and processes with a part each share the work. Named
FOLDER/<photo>__<style>.png, with the photos in FOLDER/photos, they are what a judge of styles can be run on.
`--styles` and `--set` are for comparing settings: `--styles woodcut,van-gogh --set w_content=0 guidance_scale=1`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from diffstyler_cli import Stylizer
from diffstyler_cli.models.lite.styles import STYLES, Style

CELL, LABEL = 192, 150


def paint(
    photos: list[Path], styles: list[Style], folder: Path, part: int, parts: int, settings: dict[str, Any]
) -> None:
    stylizer = Stylizer.load("lite", device="cpu")
    todo = [(photo, style) for photo in photos for style in styles][part - 1 :: parts]
    for photo, style in todo:
        target = folder / f"{photo.stem}__{style.key}.png"
        if not target.exists():
            start = time.monotonic()
            unfinished = target.with_suffix(".part")
            stylizer.stylize(photo, style.names[0], seed=1, **settings).image.save(unfinished, "PNG")
            os.replace(unfinished, target)
            print(f"{target.name} {time.monotonic() - start:.1f} s", flush=True)


def sheet(photos: list[Path], styles: list[Style], folder: Path) -> Image.Image:
    out = Image.new("RGB", (LABEL + len(photos) * CELL, (len(styles) + 1) * CELL), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(16)
    rows = [("photo", photos)]
    rows += [(style.names[0], [folder / f"{photo.stem}__{style.key}.png" for photo in photos]) for style in styles]
    for row, (label, paths) in enumerate(rows):
        draw.text((8, row * CELL + CELL // 2), label, "black", font, anchor="lm")
        for column, path in enumerate(paths):
            with Image.open(path) as picture:
                fitted = ImageOps.fit(picture.convert("RGB"), (CELL - 4, CELL - 4), Image.Resampling.LANCZOS)
            out.paste(fitted, (LABEL + column * CELL, row * CELL + 2))
    return out


def setting(text: str) -> tuple[str, Any]:
    """A field of `StylizeConfig` and its value: "steps=12", "t1=1.2x"."""
    name, _, value = text.partition("=")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--part", default="1/1", help="which part of the pictures to paint, as in 2/3")
    parser.add_argument("--sheet", type=Path, help="write the sheet here; every part must be there")
    parser.add_argument("--styles", help="keys of styles, separated by commas (default: all)")
    parser.add_argument("--set", nargs="+", default=[], type=setting, metavar="NAME=VALUE", help="settings to change")
    given = parser.parse_args()
    styles = [s for s in STYLES if given.styles is None or s.key in given.styles.split(",")]
    (given.folder / "photos").mkdir(parents=True, exist_ok=True)
    for photo in given.photos:
        shutil.copyfile(photo, given.folder / "photos" / photo.name)
    part, parts = map(int, given.part.split("/"))
    paint(given.photos, styles, given.folder, part, parts, dict(given.set))
    if given.sheet:
        sheet(given.photos, styles, given.folder).save(given.sheet, quality=85)


if __name__ == "__main__":
    main()
