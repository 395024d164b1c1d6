"""Paints photos in eight styles with all losses, without each and without any, for the table in docs/defaults.md.

`python docs/pictures/without.py PHOTO... --folder WORK [--part 1/2] [--sheet SHEET.jpg]`: every row is a folder of its
own in WORK, as contact.py makes them, for a judge to be run on; the sheet shows the first photo. It goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from contact import paint
from PIL import Image, ImageDraw, ImageFont, ImageOps

from diffstyler_cli.models.lite.styles import STYLE_BY_KEY

ROWS = {
    "all losses": {},
    "no instruction": {"w_instruction": 0.0},
    "no content": {"w_content": 0.0},
    "no contrast": {"w_nce": 0.0},
    "no aesthetic": {"w_aesthetic": 0.0},
    "no variation": {"w_tv": 0.0},
    "no loss": {"guidance_scale": 0.0},
}
KEYS = ("woodcut", "van-gogh", "ukiyo-e", "impressionism", "expressionism", "oil-painting", "cartoon", "mosaic")
CELL, LABEL, TITLE = 150, 120, 24


def sheet(photo: Path, folder: Path) -> Image.Image:
    out = Image.new("RGB", (LABEL + len(KEYS) * CELL, TITLE + len(ROWS) * CELL), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(14)
    for column, key in enumerate(KEYS):
        draw.text((LABEL + (column + 0.5) * CELL, TITLE // 2), key, "black", font, anchor="mm")
    for row, name in enumerate(ROWS):
        draw.text((6, TITLE + (row + 0.5) * CELL), name, "black", font, anchor="lm")
        for column, key in enumerate(KEYS):
            with Image.open(folder / name / f"{photo.stem}__{key}.png") as picture:
                fitted = ImageOps.fit(picture.convert("RGB"), (CELL - 4, CELL - 4), Image.Resampling.LANCZOS)
            out.paste(fitted, (LABEL + column * CELL + 2, TITLE + row * CELL + 2))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--part", default="1/1", help="which part of the pictures to paint, as in 2/3")
    parser.add_argument("--sheet", type=Path, help="write the sheet here; every part must be there")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    for name, settings in ROWS.items():
        folder = given.folder / name
        (folder / "photos").mkdir(parents=True, exist_ok=True)
        for photo in given.photos:
            shutil.copyfile(photo, folder / "photos" / photo.name)
        paint(given.photos, [STYLE_BY_KEY[key] for key in KEYS], folder, part, parts, settings)
    if given.sheet:
        sheet(given.photos[0], given.folder).save(given.sheet, quality=88)


if __name__ == "__main__":
    main()
