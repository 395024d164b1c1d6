"""The training set: 256-px pictures with a style each, built reproducibly from a folder of artworks and photographs.

The folder holds `art/<style>/*.jpg` and `photos/*.jpg`. Two kinds of styled picture come out: the artworks themselves,
and photographs drawn (`pictures/filters.py`) or painted (`pictures/painters.py`, `pictures/statistics.py`) in every
style. The random part of the latter is computed from seeded noise, whose seed is stored with the picture, so that
training can pair the two. The result is a folder of resumable `.npz` shards.
"""

from __future__ import annotations

import functools
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..errors import InputImageError, UsageError
from ..images.read import read_image
from ..models.lite.styles import STYLES

WITHOUT_ARTWORKS = frozenset(
    ("charcoal", "pastel", "cartoon", "mosaic", "stained-glass", "pixel-art", "halftone", "low-poly")
)
"""Styles that are drawn by a filter alone; the artworks of each other style lie in `art/` under its key."""
ART_STYLES = tuple(style.key for style in STYLES if style.key not in WITHOUT_ARTWORKS)
SIZE = 256
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SHARDS = 16
NOISE_SEEDS = 1024
"""How many different noises there are; pictures with the same seed share theirs."""
MEASURED_ARTWORKS = 80
"""Artworks of a style, at most, that its palette and statistics are measured on."""
MEASURED_PHOTOS = 24
"""Photographs, at most, that are painted to fit a style's `StatisticsMatch`."""
HOLD_OUT_EVERY = 16
"""One photograph and one artwork in this many, by checksum of its name, is never trained on."""

_Row = tuple[NDArray[np.uint8], str, str, int, int, str]
"""A picture, its style, origin, source, noise seed and file name; see `TrainingSet`."""
_COLUMNS = ("images", "style", "origin", "source", "noise_seed", "name")


@dataclass
class TrainingSet:
    """All shards in memory; the other columns have one row for each of the N pictures."""

    images: NDArray[np.uint8]
    """N×256×256×3, RGB."""
    style: NDArray[np.str_]
    """`Style.key`, or "photo"."""
    origin: NDArray[np.str_]
    """"art" (an artwork), "photo" (a crop of a photograph) or "painted" (made from such a crop)."""
    source: NDArray[np.int64]
    """Index of the photograph's crop that a picture is or was made from; -1 for artworks."""
    noise_seed: NDArray[np.int64]
    """Of the noise that the random part of a painted picture was computed from (`seeded_noise`); -1 for the others."""
    name: NDArray[np.str_]
    """The file's name."""


@functools.lru_cache(NOISE_SEEDS)
def seeded_noise(seed: int, size: int = SIZE) -> NDArray[np.float16]:
    """Standard normal noise, size×size×3."""
    return np.random.default_rng(seed).standard_normal((size, size, 3), np.float32).astype(np.float16)


def held_out(path: Path) -> bool:
    """Whether a file belongs to the hold-out, decided by its name alone."""
    return zlib.crc32(path.name.encode()) % HOLD_OUT_EVERY == 0


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


def training_photos(data: Path) -> list[Path]:
    return [p for p in _files(data / "photos") if not held_out(p)]


def training_artworks(data: Path) -> dict[str, list[Path]]:
    return {style: [p for p in _files(data / "art" / style) if not held_out(p)] for style in ART_STYLES}


def _square(image: Image.Image, size: int, where: float) -> NDArray[np.uint8]:
    fitted = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS, centering=(where, where))
    return np.asarray(fitted)


def _art_shard(files: list[tuple[str, Path]]) -> Iterator[_Row]:
    for style, path in files:
        with Image.open(path) as image:
            for square in _artwork_squares(image):
                yield square, style, "art", -1, -1, path.name


def _artwork_squares(image: Image.Image) -> Iterator[NDArray[np.uint8]]:
    """Two squares of a picture that is much longer than wide or wider than high, one of any other."""
    elongated = max(image.size) / min(image.size) > 1.2
    for where in (0.25, 0.75) if elongated else (0.5,):
        yield _square(image, SIZE, where)


def _photo_squares(path: Path) -> list[NDArray[np.uint8]]:
    """Two crops of a photograph, one of them mirrored."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    return [_square(image, SIZE, 0.2), _square(image, SIZE, 0.8)[:, ::-1].copy()]


@functools.cache
def _renderer(style: str, data: Path) -> Callable[[NDArray[np.uint8], NDArray[np.float16]], NDArray[np.uint8]]:
    """The function (photograph, noise) → picture of `style`, fitted to its artworks in `data` if it has some."""
    from .pictures.filters import FILTERS
    from .pictures.noise_fields import NoiseFields
    from .pictures.painters import PAINTERS
    from .pictures.statistics import MATCHED, StatisticsMatch, palette, style_statistics

    rng = np.random.default_rng(0)
    files = training_artworks(data).get(style, [])
    artworks = []
    for k in rng.permutation(len(files))[:MEASURED_ARTWORKS]:
        with Image.open(files[k]) as image:
            artworks.append(_square(image, SIZE, 0.5))
    colours = palette(artworks) if style in PAINTERS else None

    def unmatched(photo: NDArray[np.uint8], noise: NDArray[np.float16]) -> NDArray[np.uint8]:
        if colours is None:
            return FILTERS[style](photo.copy(), NoiseFields(noise))
        return PAINTERS[style](photo.copy(), NoiseFields(noise), colours)

    if style not in MATCHED:
        return unmatched
    photos = training_photos(data)
    measured = [_photo_squares(photos[k])[0] for k in rng.permutation(len(photos))[:MEASURED_PHOTOS]]
    painted = [unmatched(photo, seeded_noise(k)) for k, photo in enumerate(measured)]
    match = StatisticsMatch(painted, style_statistics(artworks), MATCHED[style])
    return lambda photo, noise: match(unmatched(photo, noise))


def _photo_shard(photos: list[tuple[int, Path]], data: Path) -> Iterator[_Row]:
    import cv2

    cv2.setNumThreads(1)
    for index, path in photos:
        for k, square in enumerate(_photo_squares(path)):
            yield square, "photo", "photo", 2 * index + k, -1, path.name
            for style in STYLES:
                seed = zlib.crc32(f"{path.name} {k} {style.key}".encode()) % NOISE_SEEDS
                painted = _renderer(style.key, data)(square, seeded_noise(seed))
                yield painted, style.key, "painted", 2 * index + k, seed, path.name


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

    They are read as `diffstyler stylize` reads a photo: upright, in sRGB, on white where they are transparent. A file
    that cannot be read is left out, with a line on stderr.

    Raises:
        UsageError: there is none that can be read.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    rows: list[_Row] = []
    for path in paths:
        try:
            image = read_image(path).rgb
        except InputImageError as error:
            print(f"Left out {path}: {error.message}", file=sys.stderr, flush=True)
            continue
        rows += [(square, "own", "art", -1, -1, path.name) for square in _artwork_squares(image)]
    if not rows:
        what = f"none of the {len(paths)} pictures in" if paths else f"no picture ({', '.join(SUFFIXES)}) in"
        raise UsageError(f"{what} {folder}" + (" can be read" if paths else ""))
    return _as_set(rows)


def _as_set(rows: list[_Row]) -> TrainingSet:
    images, *columns = zip(*rows, strict=True)
    return TrainingSet(np.stack(images), *(np.array(column) for column in columns))


def build(data: Path, out: Path, workers: int) -> Iterator[Path]:
    """Writes `out`/held-out.txt and the shards that are missing in `out`, yielding each as it is done."""
    out.mkdir(parents=True, exist_ok=True)
    files = [p for folder in ("photos", "art") for p in sorted((data / folder).rglob("*")) if p.suffix in SUFFIXES]
    listed = [p.relative_to(data).as_posix() for p in files if held_out(p)]
    (out / "held-out.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_build_shard, [(k, data, out) for k in range(SHARDS)])


def load(folder: Path) -> TrainingSet:
    """All shards of `folder` as one set.

    Raises:
        UsageError: there is none, or a former version wrote them.
    """
    shards = [np.load(p, allow_pickle=False) for p in sorted(folder.glob("shard_[0-9][0-9].npz"))]
    if not shards:
        raise UsageError(f"no training shards in {folder}: run the stage data first")
    if any(set(shard.files) != set(_COLUMNS) for shard in shards):
        raise UsageError(f"the shards in {folder} are of a former version: delete them and run the stage data again")
    return TrainingSet(**{column: np.concatenate([shard[column] for shard in shards]) for column in _COLUMNS})
