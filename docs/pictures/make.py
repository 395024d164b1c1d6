"""Makes the pictures of the README and docs/defaults.md by the commands that it prints: `python docs/pictures/make.py`.

Each sheet is a row of captioned pictures; the first is the photo. What one setting does is shown at --size 256, the
size of the first pass, where it is measured. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

HERE = Path(__file__).parent
PHOTO = HERE / "macaws.jpg"
COMMAND = [sys.executable, "-c", "from diffstyler_cli.cli.app import main; main()"]
CELL, CAPTION = 256, 24
SMALL = ("--size", "256", "--seed", "1")

SHEETS: dict[str, list[tuple[str, list[str]]]] = {
    "styles": [
        (name, ["stylize", str(PHOTO), name, "--seed", "1"])
        for name in ("oil painting", "van gogh", "watercolor", "pencil sketch", "woodcut", "impressionism")
    ],
    "strength": [
        (f"--strength {strength}", ["stylize", str(PHOTO), "oil painting", "--strength", strength, "--seed", "1"])
        for strength in ("0", "0.2", "0.4", "0.5", "0.6", "0.8", "1")
    ],
    "lambda": [
        (f"--lambda {lam}", ["stylize", str(PHOTO), "oil painting", "--lambda", lam, *SMALL])
        for lam in ("1", "0.6", "0.2")
    ],
    "t1": [
        (f"--t1 {t1}", ["stylize", str(PHOTO), "oil painting", "--t1", t1, *SMALL]) for t1 in ("1.0x", "1.2x", "1.6x")
    ],
    "guidance": [
        (
            f"--guidance-scale {scale}",
            ["stylize", str(PHOTO), "woodcut", "--guidance-scale", scale, *SMALL],
        )
        for scale in ("0", "3", "8")
    ],
    "prompt-weight": [
        (
            f"--prompt-weight {weight}",
            ["stylize", str(PHOTO), "watercolor", "--prompt-weight", weight, *SMALL],
        )
        for weight in ("1", "1.4", "4")
    ],
    "losses": [
        (
            " ".join(options) or "the defaults",
            ["stylize", str(PHOTO), "van gogh", *options, *SMALL],
        )
        for options in (
            (),
            ("--w-instruction", "0"),
            ("--w-content", "0"),
            ("--w-nce", "0"),
            ("--w-aesthetic", "0"),
            ("--w-tv", "0"),
            ("--guidance-scale", "0"),
        )
    ],
}


def made(arguments: list[str], folder: Path) -> Image.Image:
    print("diffstyler", shlex.join(a.replace(f"{HERE}/", "docs/pictures/") for a in arguments), flush=True)
    out = folder / "out.png"
    subprocess.run([*COMMAND, *arguments, "-o", str(out), "--force", "-q"], check=True, stdout=subprocess.DEVNULL)
    return Image.open(out).convert("RGB")


def sheet(cells: list[tuple[str, Image.Image]]) -> Image.Image:
    columns = min(4, len(cells))
    rows = -(-len(cells) // columns)
    height = CELL * PHOTO_SHAPE[1] // PHOTO_SHAPE[0] + CAPTION
    out = Image.new("RGB", (columns * CELL, rows * height), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(15)
    for k, (caption, picture) in enumerate(cells):
        x, y = k % columns * CELL, k // columns * height
        out.paste(ImageOps.fit(picture, (CELL - 6, height - CAPTION), Image.Resampling.LANCZOS), (x + 3, y))
        draw.text((x + CELL // 2, y + height - CAPTION // 2), caption, "black", font, anchor="mm")
    return out


PHOTO_SHAPE = Image.open(PHOTO).size


def main() -> None:
    wanted = sys.argv[1:] or list(SHEETS)
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            cells = [("the photo", Image.open(PHOTO).convert("RGB"))]
            cells += [(caption, made(arguments, Path(folder))) for caption, arguments in SHEETS[name]]
        sheet(cells).save(HERE / f"{name}.jpg", quality=90)


if __name__ == "__main__":
    main()
