"""The training set: 256-px pictures with a style each, built reproducibly from a folder of artworks and photographs.

The folder holds `art/<style>/*.jpg` and `photos/*.jpg`. Three kinds of styled picture come out: the artworks
themselves, photographs redrawn by a classical filter (`filters.py`), and photographs underpainted
(`underpainting.py`) and then remade from the patches of an artwork (`transfer.py`). The result is a folder of resumable
`.npz` shards.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .exemplars import EXEMPLARS
from .styles import STYLES

SIZE = 256
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SHARDS = 16
TRANSFERS_PER_PHOTO = 10
"""Styles, of those with artworks, that each photograph is painted in: in turn, so that all get as many."""
FILTER_STYLES = (
    "drawing", "charcoal", "woodcut", "ink-illustration", "cartoon", "mosaic", "stained-glass",
    "low-poly", "pixel-art", "halftone", "pastel",
)  # fmt: skip
"""Styles of which a filter's picture by itself is one; the others' filters are underpaintings alone."""
GRADES = {"oil-painting": 0.25}
"""Styles whose pictures go less far than `transfer.GRADE` towards the colours of the artwork, and how far: old varnish
is no part of what is asked for."""
HOLD_OUT_EVERY = 16
"""One photograph and one artwork in this many, by checksum of its name, is never trained on."""


_Row = tuple[NDArray[np.uint8], str, str, int, str]
"""A picture, its style, origin, source and file name; see `TrainingSet`."""


@dataclass
class TrainingSet:
    """All shards in memory. `images` N×256×256×3 uint8; `style` names a `Style.key` or "photo"; `source` is the index
    the photograph crop that a picture was made from (the crop itself included), -1 for artworks; `origin` says how."""

    images: NDArray[np.uint8]
    style: NDArray[np.str_]
    origin: NDArray[np.str_]
    source: NDArray[np.int64]
    name: NDArray[np.str_]


def held_out(path: Path) -> bool:
    """Whether a file belongs to the hold-out, decided by its name alone."""
    return zlib.crc32(path.name.encode()) % HOLD_OUT_EVERY == 0


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


def training_photos(data: Path) -> list[Path]:
    return [p for p in _files(data / "photos") if not held_out(p)]


def training_artworks(data: Path) -> dict[str, list[Path]]:
    return {s.key: [p for p in _files(data / "art" / s.folder) if not held_out(p)] for s in STYLES if s.folder}


@functools.cache
def _artwork_palette(path: Path) -> NDArray[np.float32]:
    from .transfer import palette

    with Image.open(path) as opened:
        return palette(_square(opened, 64, 0.5))


def _square(image: Image.Image, size: int, where: float) -> NDArray[np.uint8]:
    fitted = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS, centering=(where, where))
    return np.asarray(fitted)


def _art_shard(files: list[tuple[str, Path]]) -> Iterator[_Row]:
    for style, path in files:
        with Image.open(path) as image:
            wide = max(image.size) / min(image.size) > 1.2
            for where in (0.25, 0.75) if wide else (0.5,):
                yield _square(image, SIZE, where), style, "art", -1, path.name


def _photo_shard(photos: list[tuple[int, Path]], art: dict[str, list[Path]]) -> Iterator[_Row]:
    import cv2

    from .filters import FILTERS
    from .transfer import GRADE, palette, transfer
    from .underpainting import UNDERPAINTINGS

    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    def artwork(style: str, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # the exemplar whose colours suit best; in another folder, which may lack them, any artwork may be it
        some = [path for path in art[style] if path.name in EXEMPLARS[style]] or art[style]
        goal = palette(picture)
        nearest = min(some, key=lambda path: float(np.square(_artwork_palette(path) - goal).sum()))
        with Image.open(nearest) as opened:
            return _square(opened, SIZE, 0.5)

    styles = sorted(art)
    for index, path in photos:
        rng = np.random.default_rng(zlib.crc32(path.name.encode()))
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        crops = [(2 * index, _square(image, SIZE, 0.2)), (2 * index + 1, _square(image, SIZE, 0.8)[:, ::-1].copy())]
        for source, crop in crops:
            yield crop, "photo", "photo", source, path.name
        for style in FILTER_STYLES:
            for source, crop in crops:
                yield FILTERS[style](crop.copy(), rng), style, "filter", source, path.name
        for k in range(TRANSFERS_PER_PHOTO):
            style = styles[(index * TRANSFERS_PER_PHOTO + k) % len(styles)]
            source, crop = crops[(k + index // 2) % 2]
            under = UNDERPAINTINGS[style](crop.copy(), rng)
            painted = transfer(under, artwork(style, under), rng, GRADES.get(style, GRADE))
            yield painted, style, "transfer", source, path.name


def _build_shard(args: tuple[int, Path, Path]) -> Path:
    shard, data, out = args
    target = out / f"shard_{shard:02d}.npz"
    if target.exists():
        return target
    art = training_artworks(data)
    pictures = [(s, p) for s, paths in art.items() for p in paths][shard::SHARDS]
    photos = list(enumerate(training_photos(data)))[shard::SHARDS]
    part = target.with_suffix(".tmp.npz")
    np.savez(part, **vars(_as_set([*_art_shard(pictures), *_photo_shard(photos, art)])))
    os.replace(part, target)
    return target


def own_pictures(folder: Path) -> TrainingSet:
    """Every picture below `folder` as one or two squares, as if it were an artwork.

    Raises:
        FileNotFoundError: there is none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    rows = list(_art_shard([("own", path) for path in paths]))
    if not rows:
        raise FileNotFoundError(f"no picture ({', '.join(SUFFIXES)}) in {folder}")
    return _as_set(rows)


def _as_set(rows: list[_Row]) -> TrainingSet:
    images, style, origin, source, name = zip(*rows, strict=True)
    return TrainingSet(np.stack(images), *(np.array(column) for column in (style, origin, source, name)))


def build(data: Path, out: Path, workers: int) -> Iterator[Path]:
    """Writes `out`/held-out.txt and the shards that are missing in `out`, yielding each as it is done."""
    out.mkdir(parents=True, exist_ok=True)
    kept = [p for folder in ("photos", "art") for p in sorted((data / folder).rglob("*")) if p.suffix in SUFFIXES]
    listed = [p.relative_to(data).as_posix() for p in kept if held_out(p)]
    (out / "held-out.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_build_shard, [(k, data, out) for k in range(SHARDS)])


def load(folder: Path) -> TrainingSet:
    """All shards of `folder` as one set."""
    parts = [np.load(p, allow_pickle=False) for p in sorted(folder.glob("shard_[0-9][0-9].npz"))]
    if not parts:
        raise FileNotFoundError(f"no training shards in {folder}")
    names = ("images", "style", "origin", "source", "name")
    return TrainingSet(**{k: np.concatenate([p[k] for p in parts]) for k in names})
