"""Makes the pictures of docs/any-picture.md by the commands that it prints: `python docs/pictures/kinds.py [SHEET...]`.

The photos and masks are made here from the sample photo: a cut-out, one on its side, a panorama, masks by hand. Takes
about ten minutes on two cores.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from diffstyler_cli.images import enlarged

HERE = Path(__file__).parent
PHOTO = HERE / "macaws.jpg"
COMMAND = [sys.executable, "-c", "from diffstyler_cli.cli.app import main; main()"]
CELL, CAPTION = 384, 24

LEFT = ((36, 118), (60, 92), (92, 84), (118, 96), (150, 170), (200, 256), (64, 256), (76, 190), (66, 150))
RIGHT = ((200, 84), (212, 62), (250, 54), (300, 62), (336, 110), (384, 160), (384, 256), (244, 256), (236, 150))
HEADS = ((62, 84, 124, 184), (198, 52, 320, 150))

SHEETS: dict[str, list[tuple[str, list[str]]]] = {
    "kinds": [
        ("a cut-out: cut.png", ["cut.png", "woodcut"]),
        ("on its side by its EXIF: phone.jpg", ["phone.jpg", "impressionism"]),
        ("photo.jpg --keep-color", ["photo.jpg", "van gogh", "--keep-color"]),
    ],
    "places": [
        ("--mask red.png", ["photo.jpg", "van gogh", "--mask", "red.png"]),
        (
            "three regions",
            [
                *("photo.jpg", "--region", "red.png", "van gogh", "--region", "blue.png", "woodcut"),
                *("--region", "garden.png", "watercolor"),
            ],
        ),
        ("--lambda-mask heads.png", ["photo.jpg", "impressionism", "--lambda-mask", "heads.png"]),
    ],
    "panorama": [("", ["panorama.jpg", "oil painting"])],
    "sizes": [
        (f"--size {size}", ["photo.jpg", "oil painting", "--size", str(size)]) for size in (256, 512, 1024, 2048)
    ],
}


ENLARGED: list[tuple[str, list[str], bool]] = [
    ("drawn at 512 px", ["photo.jpg", "van gogh", "--working-size", "512"], False),
    ("coarse to fine", ["photo.jpg", "van gogh"], False),
    ("256 px, enlarged", ["photo.jpg", "van gogh", "--size", "256"], False),
    ("the same, with the photo's detail", ["photo.jpg", "van gogh", "--size", "256"], True),
]
"""Caption, command, and whether a small picture is enlarged as `images.enlarged` does it."""


def inputs(folder: Path) -> None:
    """The photos and masks that the commands name."""
    photo = Image.open(PHOTO).convert("RGB")
    photo.save(folder / "photo.jpg", quality=95)
    masks = {}
    for name, points in (("blue", LEFT), ("red", RIGHT)):
        masks[name] = Image.new("L", photo.size)
        ImageDraw.Draw(masks[name]).polygon(points, fill=255)
        masks[name].filter(ImageFilter.GaussianBlur(3)).save(folder / f"{name}.png")
    birds = Image.composite(masks["blue"], masks["red"], masks["blue"])
    Image.eval(birds, lambda grey: 255 - grey).filter(ImageFilter.GaussianBlur(3)).save(folder / "garden.png")
    heads = Image.new("L", photo.size)
    for box in HEADS:
        ImageDraw.Draw(heads).ellipse(box, fill=255)
    heads.filter(ImageFilter.GaussianBlur(8)).save(folder / "heads.png")
    cut = photo.convert("RGBA")
    cut.putalpha(birds)
    cut.save(folder / "cut.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.rotate(90, expand=True).save(folder / "phone.jpg", quality=95, exif=exif)
    photo.crop((0, 60, 384, 156)).save(folder / "panorama.jpg", quality=95)


def made(arguments: list[str], folder: Path) -> Image.Image:
    """The picture on white."""
    print("diffstyler", shlex.join(["stylize", *arguments, "--seed", "1"]), flush=True)
    words = [*COMMAND, "stylize", *arguments, "--seed", "1", "-o", "out.png", "--force", "-q"]
    subprocess.run(words, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    picture = Image.open(folder / "out.png").convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def sheet(cells: list[tuple[str, Image.Image]]) -> Image.Image:
    """A row of captioned pictures."""
    height = CELL * 2 // 3 + CAPTION
    out = Image.new("RGB", (CELL * len(cells), height), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(15)
    for k, (caption, picture) in enumerate(cells):
        fitted = picture.resize((CELL - 6, height - CAPTION), Image.Resampling.LANCZOS)
        out.paste(fitted, (k * CELL + 3, 0))
        draw.text((k * CELL + CELL // 2, height - CAPTION // 2), caption, "black", font, anchor="mm")
    return out


def whole_and_crops(cells: list[tuple[str, Image.Image]]) -> Image.Image:
    """Each picture whole, and below 300 × 300 of its pixels, around the eye of the red bird."""
    side = 300
    out = Image.new("RGB", ((side + 6) * len(cells), side * 2 // 3 + CAPTION + side), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(15)
    for k, (caption, picture) in enumerate(cells):
        left = k * (side + 6) + 3
        out.paste(picture.resize((side, side * 2 // 3), Image.Resampling.LANCZOS), (left, 0))
        draw.text((left + side // 2, side * 2 // 3 + CAPTION // 2), caption, "black", font, anchor="mm")
        x, y = picture.width * 0.66 - side / 2, picture.height * 0.36 - side / 2
        x, y = max(0, min(x, picture.width - side)), max(0, min(y, picture.height - side))
        crop = picture.crop((int(x), int(y), min(int(x) + side, picture.width), min(int(y) + side, picture.height)))
        out.paste(crop, (left, side * 2 // 3 + CAPTION))
    return out


def ways(folder: Path) -> Image.Image:
    """300 × 300 pixels, around the eye of the red bird, of pictures of 627 × 418 that came about in four ways."""
    side, size = 300, (627, 418)
    out = Image.new("RGB", ((side + 6) * len(ENLARGED), side + CAPTION), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(15)
    for k, (caption, arguments, detailed) in enumerate(ENLARGED):
        picture = made(arguments, folder)
        photo = Image.open(PHOTO).convert("RGB")
        picture = enlarged(picture, photo, size) if detailed else picture.resize(size, Image.Resampling.BICUBIC)
        out.paste(picture.crop((270, 20, 270 + side, 20 + side)), (k * (side + 6) + 3, 0))
        draw.text((k * (side + 6) + side // 2, side + CAPTION // 2), caption, "black", font, anchor="mm")
    return out


def main() -> None:
    for name in sys.argv[1:] or [*SHEETS, "ways"]:
        if name == "ways":
            with tempfile.TemporaryDirectory() as folder:
                inputs(Path(folder))
                ways(Path(folder)).save(HERE / "ways.jpg", quality=85)
            continue
        with tempfile.TemporaryDirectory() as folder:
            inputs(Path(folder))
            cells = [(caption, made(arguments, Path(folder))) for caption, arguments in SHEETS[name]]
        if name == "panorama":
            cells[0][1].resize((1152, 288), Image.Resampling.LANCZOS).save(HERE / "panorama.jpg", quality=85)
        elif name == "sizes":
            whole_and_crops(cells).save(HERE / "sizes.jpg", quality=85)
        else:
            sheet(cells).save(HERE / f"{name}.jpg", quality=85)


if __name__ == "__main__":
    main()
