"""The training set: 256-px pictures with a style each, built reproducibly from a folder of artworks and photographs.

The folder holds `art/<style>/*.jpg` and `photos/*.jpg`. Two kinds of styled picture come out: the artworks themselves,
and photographs drawn (`filters.py`) or painted (`painters.py`, `manners.py`) in every style. Whatever chance decides in
the latter follows from noise that is kept by its number, for training to pair the picture with. The result is a folder
of resumable `.npz` shards.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..models.lite.styles import STYLES

SIZE = 256
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SHARDS = 16
NOISES = 1024
"""How many different noises there are; pictures with one number share theirs."""
CORPUS = 80
"""Artworks of a style, at most, that its palette and manner are taken from."""
SITTERS = 24
"""Photographs that a style's finish is fitted on."""
HOLD_OUT_EVERY = 16
"""One photograph and one artwork in this many, by checksum of its name, is never trained on."""


_Row = tuple[NDArray[np.uint8], str, str, int, int, str]
"""A picture, its style, origin, source, chance and file name; see `TrainingSet`."""


@dataclass
class TrainingSet:
    """All shards in memory. `images` N×256×256×3 uint8; `style` names a `Style.key` or "photo"; `source` is the index
    the photograph crop that a picture was made from (the crop itself included), -1 for artworks; `origin` says how;
    `chance` is the number of the noise that decided what chance decides in it, -1 for none."""

    images: NDArray[np.uint8]
    style: NDArray[np.str_]
    origin: NDArray[np.str_]
    source: NDArray[np.int64]
    chance: NDArray[np.int64]
    name: NDArray[np.str_]


@functools.lru_cache(NOISES)
def noise_of(number: int, size: int = SIZE) -> NDArray[np.float16]:
    """Standard normal noise, size×size×3, by its number."""
    return np.random.default_rng(number).standard_normal((size, size, 3), np.float32).astype(np.float16)


def held_out(path: Path) -> bool:
    """Whether a file belongs to the hold-out, decided by its name alone."""
    return zlib.crc32(path.name.encode()) % HOLD_OUT_EVERY == 0


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


def training_photos(data: Path) -> list[Path]:
    return [p for p in _files(data / "photos") if not held_out(p)]


def training_artworks(data: Path) -> dict[str, list[Path]]:
    return {s.key: [p for p in _files(data / "art" / s.folder) if not held_out(p)] for s in STYLES if s.folder}


def _square(image: Image.Image, size: int, where: float) -> NDArray[np.uint8]:
    fitted = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS, centering=(where, where))
    return np.asarray(fitted)


def _art_shard(files: list[tuple[str, Path]]) -> Iterator[_Row]:
    for style, path in files:
        with Image.open(path) as image:
            wide = max(image.size) / min(image.size) > 1.2
            for where in (0.25, 0.75) if wide else (0.5,):
                yield _square(image, SIZE, where), style, "art", -1, -1, path.name


def _views(path: Path) -> list[NDArray[np.uint8]]:
    """Two crops of a photograph, one of them mirrored."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    return [_square(image, SIZE, 0.2), _square(image, SIZE, 0.8)[:, ::-1].copy()]


@functools.cache
def _painter(style: str, data: Path) -> Callable[[NDArray[np.uint8], NDArray[np.float16]], NDArray[np.uint8]]:
    """How a picture of `style` is made of a photograph and noise; learnt from the artworks in `data` if it has some."""
    from .pictures.brushes import Chance
    from .pictures.filters import FILTERS
    from .pictures.painters import PAINTERS
    from .pictures.statistics import FINISHES, Finish, manner, palette

    rng = np.random.default_rng(0)
    files = training_artworks(data).get(style, [])
    corpus = []
    for k in rng.permutation(len(files))[:CORPUS]:
        with Image.open(files[k]) as image:
            corpus.append(_square(image, SIZE, 0.5))
    colours = palette(corpus) if style in PAINTERS else None

    def raw(picture: NDArray[np.uint8], noise: NDArray[np.float16]) -> NDArray[np.uint8]:
        if colours is None:
            return FILTERS[style](picture.copy(), Chance(noise))
        return PAINTERS[style](picture.copy(), Chance(noise), colours)

    if style not in FINISHES:
        return raw
    sitters = training_photos(data)
    some = [_views(sitters[k])[0] for k in rng.permutation(len(sitters))[:SITTERS]]
    finish = Finish([raw(p, noise_of(k)) for k, p in enumerate(some)], manner(corpus), *FINISHES[style])
    return lambda picture, noise: finish(raw(picture, noise))


def _photo_shard(photos: list[tuple[int, Path]], data: Path) -> Iterator[_Row]:
    import cv2

    cv2.setNumThreads(1)
    for index, path in photos:
        for k, view in enumerate(_views(path)):
            yield view, "photo", "photo", 2 * index + k, -1, path.name
            for style in STYLES:
                number = zlib.crc32(f"{path.name} {k} {style.key}".encode()) % NOISES
                painted = _painter(style.key, data)(view, noise_of(number))
                yield painted, style.key, "painted", 2 * index + k, number, path.name


def _build_shard(args: tuple[int, Path, Path]) -> Path:
    shard, data, out = args
    target = out / f"shard_{shard:02d}.npz"
    if target.exists():
        return target
    art = training_artworks(data)
    pictures = [(s, p) for s, paths in art.items() for p in paths][shard::SHARDS]
    photos = list(enumerate(training_photos(data)))[shard::SHARDS]
    part = target.with_suffix(".tmp.npz")
    np.savez(part, **vars(_as_set([*_art_shard(pictures), *_photo_shard(photos, data)])))
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
    images, style, origin, source, chance, name = zip(*rows, strict=True)
    return TrainingSet(np.stack(images), *(np.array(column) for column in (style, origin, source, chance, name)))


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
    names = ("images", "style", "origin", "source", "chance", "name")
    return TrainingSet(**{k: np.concatenate([p[k] for p in parts]) for k in names})
