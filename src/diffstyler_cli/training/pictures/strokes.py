"""What the painted training pictures are made with: chance, strokes, lines, cells and colour on numpy arrays.

Pictures (`Image`) are RGB uint8 H×W×3, fields are float32 H×W. Needs the `train` extra (OpenCV).
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ...models.lite.styles import PHASE

Image = NDArray[np.uint8]
Field = NDArray[np.float32]
Rng = np.random.Generator
Pixel = TypeVar("Pixel", np.uint8, np.float32)


def luma(im: Image) -> Field:
    return cv2.cvtColor(im, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def to_u8(x: NDArray[np.floating]) -> Image:
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def grey_rgb(gray: Field) -> Field:
    return np.repeat(gray[..., None], 3, axis=2)


class Chance:
    """Everything in a training picture that the photograph does not decide, read off the noise that it is paired with.

    What is drawn from any other source, a network cannot foretell from its input, and paints as its mean: a blur.

    Args:
        eps: standard normal H×W×3.
    """

    def __init__(self, eps: NDArray[np.floating]) -> None:
        turn = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
        self._channels = np.ascontiguousarray((eps @ turn.T).transpose(2, 0, 1), np.float32)

    def field(self, sigma: float, k: int = 0) -> Field:
        """Smooth noise of about unit deviation, blurred by `sigma` pixels; those of k = 0, 1, 2 are independent."""
        noise = self._channels[k]
        # a Gaussian blur of white noise leaves a deviation of 1 / (2 √π sigma)
        return cv2.GaussianBlur(noise, (0, 0), sigma) * np.float32(max(1.0, 2 * np.sqrt(np.pi) * sigma))

    def at(self, places: NDArray[np.floating], sigma: float, k: int = 0) -> NDArray[np.float32]:
        """The field at places (y, x), N×2; those outside count as the nearest inside."""
        field = self.field(sigma, k)
        y, x = (np.clip(places[:, a].astype(int), 0, field.shape[a] - 1) for a in (0, 1))
        return field[y, x]


def equalised(gray: Field, strength: float = 0.6) -> Field:
    clahe = cv2.createCLAHE(2.0, (4, 4)).apply(to_u8(gray)).astype(np.float32) / 255
    return (1 - strength) * gray + strength * clahe


def lab_of(im: Image | Field) -> Field:
    """L in [0, 100], a and b of RGB, uint8 or in [0, 1]."""
    x = im.astype(np.float32)
    return cv2.cvtColor(x / 255 if im.dtype == np.uint8 else x, cv2.COLOR_RGB2LAB)


def rgb_of(lab: NDArray[np.floating]) -> Field:
    """RGB in [0, 1]."""
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)


def edge_flow(gray: Field, lean: float, sigma: float = 3.0, bias: float = 0.02) -> Field:
    """Angle of the edge tangent at every pixel, from the smoothed structure tensor, in radians; `lean` where edges are
    much weaker than `bias` a pixel, for the direction of next to nothing can be neither seen nor learned."""
    gx, gy = cv2.Sobel(gray, cv2.CV_32F, 1, 0) / 4, cv2.Sobel(gray, cv2.CV_32F, 0, 1) / 4
    xx, yy, xy = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (gx * gx, gy * gy, gx * gy))
    x, y = -bias * np.sin(lean), bias * np.cos(lean)
    return (0.5 * np.arctan2(2 * (xy + x * y), xx + x * x - yy - y * y) + np.pi / 2).astype(np.float32)


def smear(x: Field, angle: Field, length: int) -> Field:
    """Line integral convolution (Cabral & Leedom 1993): the mean of `x`, H×W or H×W×3, `length` pixels both ways along
    `angle`."""
    rows, columns = np.mgrid[: x.shape[0], : x.shape[1]].astype(np.float32)
    cos, sin = np.cos(angle), np.sin(angle)
    total = x.astype(np.float32).copy()
    for sign in (1, -1):
        px, py, right, down = columns.copy(), rows.copy(), cos, sin
        for _ in range(length):
            px += sign * right
            py += sign * down
            total += cv2.remap(x, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            c, s = (cv2.remap(f, px, py, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT) for f in (cos, sin))
            turned = np.where(c * right + s * down < 0, np.float32(-1), np.float32(1))
            right, down = c * turned, s * turned
    return total / np.float32(2 * length + 1)


def streaks(noise: Field, angle: Field, length: int) -> Field:
    """`noise` smeared along `angle`, of unit deviation."""
    total = smear(noise, angle, length)
    return total / (total.std() + 1e-6)


def bristles(chance: Chance, flow: Field, width: float, length: int, k: int, hardness: float) -> Field:
    """Streaks that are pressed towards -1 and 1, more so the larger `hardness`: strokes with edges of their own."""
    return np.tanh(hardness * streaks(chance.field(width, k), flow, length)) / np.float32(np.tanh(hardness))


def warped(im: NDArray[Pixel], dx: Field, dy: Field) -> NDArray[Pixel]:
    """The picture with every pixel taken from (`dx`, `dy`) away."""
    rows, columns = np.mgrid[: im.shape[0], : im.shape[1]].astype(np.float32)
    return cv2.remap(im, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def brushed(
    im: Image, chance: Chance, flow: Field, width: float, length: int, ragged: float, *, tint: float = 2.0,
    hue: float = 1.5, relief: float = 2.0, detail: float = 0.0, hardness: float = 1.5,
) -> Field:  # fmt: skip
    """The picture in strokes along `flow`, RGB in [0, 1].

    Each stroke takes its colour `ragged` pixels away from where it lies, is `tint` lighter or darker (L) and `hue`
    off in a and b; `relief` is the light on its edge, `detail` the share of the photograph's own fine tone.
    """
    light, *colour = (bristles(chance, flow, width, length, k, hardness) for k in range(3))
    base = cv2.GaussianBlur(im, (0, 0), max(0.3, 0.4 * width)).astype(np.float32) / 255
    lab = lab_of(smear(warped(base, ragged * light, ragged * colour[0]), flow, max(1, length // 2)))
    edge = cv2.GaussianBlur(light, (0, 0), 0.6)
    edge = (cv2.Sobel(edge, cv2.CV_32F, 1, 0) + cv2.Sobel(edge, cv2.CV_32F, 0, 1)) / 8
    tone = lab_of(im)[..., 0]
    lab[..., 0] += tint * light + relief * edge + detail * (tone - cv2.GaussianBlur(tone, (0, 0), 4))
    for k in (0, 1):
        lab[..., 1 + k] += hue * colour[k]
    return rgb_of(lab)


def surface(x: Field, chance: Chance, flow: Field, length: int, rough: tuple[float, float, float], hue: float) -> Field:
    """`x` (RGB in [0, 1]) on a brushed ground: lightness `rough` (L, fine to coarse) and a and b `hue` up and down."""
    lab = lab_of(x)
    for k, (amount, width) in enumerate(zip(rough, (0.5, 1.0, 2.0), strict=True)):
        if amount:
            lab[..., 0] += amount * streaks(chance.field(width, k), flow, round(length * (0.6 + 0.4 * k)))
    for k in (1, 2):
        lab[..., k] += hue * streaks(chance.field(2.0, k), flow, length)
    return rgb_of(lab)


def drawn_to(x: Field, palette: NDArray[np.floating], share: float, push: float, softness: float = 6.0) -> Field:
    """RGB in [0, 1] drawn, by `share` of the way, to the nearest colours of a palette (Lab, K×3) whose own colours are
    made `push` times as strong; `softness` in Lab units is how far the next colour still counts."""
    lab = lab_of(x)
    middle = palette[:, 1:].mean(0)
    goals = np.concatenate([palette[:, :1], middle + push * (palette[:, 1:] - middle)], axis=1)
    gap = np.square(lab[..., None, :] - goals) @ np.array([0.5, 1, 1])
    near = np.exp((gap.min(-1, keepdims=True) - gap) / (2 * softness**2))
    return rgb_of((1 - share) * lab + share * (near / near.sum(-1, keepdims=True)) @ goals)


def lattice_points(shape: tuple[int, int], step: int, rng: Rng) -> list[NDArray[np.float64]]:
    """Places about `step` pixels apart, in groups that lie `PHASE` pixels apart each, in random order."""
    cells = PHASE // step
    offsets = rng.uniform(-0.5, 1.5, (cells * cells, 2)) * step
    places = []
    for k in rng.permutation(cells * cells):
        ys, xs = np.mgrid[0 : shape[0] + PHASE : PHASE, 0 : shape[1] + PHASE : PHASE] - PHASE // 2
        corner = np.array([k // cells, k % cells]) * step + offsets[k]
        places.append(np.stack([ys.ravel(), xs.ravel()], 1) + corner)
    return places


def regraded(im: Image, saturation: float = 1.0, value: float = 1.0, lift: float = 0.0) -> Image:
    hsv = cv2.cvtColor(im, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] *= saturation
    hsv[..., 2] = hsv[..., 2] * value + lift
    return cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)


def hatching(tone: Field, waves: tuple[int, int], soft: float, bend: Field) -> Field:
    """1 on paper, 0 on ink: lines, `waves` in `PHASE` pixels down and across, displaced by `bend` pixels, whose width
    grows as `tone` falls."""
    h, w = tone.shape
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    down, across = waves
    phase = (down * yy + across * xx + np.hypot(down, across) * bend) * (2 * np.pi / PHASE)
    return 1 / (1 + np.exp(-(np.cos(phase) * 0.5 + tone * 2.0 - 1.0) / soft))


def edge_strength(im: Image) -> Field:
    g = cv2.GaussianBlur(luma(im), (0, 0), 1.5)
    return cv2.magnitude(cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1))


def highest(field: Field, cell: int) -> NDArray[np.float64]:
    """The place (y, x) of the highest value of every square of `cell` pixels; where there is little between them, near
    its middle."""
    h, w = (n // cell * cell for n in field.shape)
    middle = np.abs(np.arange(cell) - (cell - 1) / 2) / cell
    leaning = field[:h, :w] - 0.03 * np.tile(middle[:, None] + middle, (h // cell, w // cell))
    squares = leaning.reshape(h // cell, cell, w // cell, cell).swapaxes(1, 2).reshape(-1, cell * cell)
    row, column = np.divmod(np.arange(len(squares)), w // cell)
    best = squares.argmax(1)
    return np.stack([row * cell + best // cell, column * cell + best % cell], 1).astype(np.float64)


def voronoi(im: Image, sites: NDArray[np.floating], alike: float = 0.0) -> tuple[NDArray[np.int32], Field]:
    """Label of the nearest site and relative gap to the second nearest, for every pixel.

    `alike`: pixels of distance that a full step of lightness or colour counts as; above 0, cells follow the edges.
    """
    h, w = im.shape[:2]
    lab = cv2.cvtColor(cv2.GaussianBlur(im, (0, 0), 2), cv2.COLOR_RGB2LAB).astype(np.float32) / 255
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    best = np.full((h, w), 1e9, np.float32)
    second = best.copy()
    label = np.zeros((h, w), np.int32)
    reach = int(4 * np.sqrt(h * w / len(sites))) + 2
    for k, (y, x) in enumerate(sites):
        y0, y1 = max(0, int(y) - reach), min(h, int(y) + reach + 1)
        x0, x1 = max(0, int(x) - reach), min(w, int(x) + reach + 1)
        win = np.s_[y0:y1, x0:x1]
        d = np.hypot(yy[win] - y, xx[win] - x)
        if alike:
            own = lab[min(max(int(y), 0), h - 1), min(max(int(x), 0), w - 1)]
            d = d + alike * np.sqrt(np.square(lab[win] - own).sum(-1))
        closer = d < best[win]
        second[win] = np.where(closer, best[win], np.minimum(second[win], d))
        label[win] = np.where(closer, k, label[win])
        best[win] = np.minimum(best[win], d)
    return label, second - best


def cell_borders(label: NDArray[np.int32], width: float) -> Field:
    """H×W×1: 0 within `width` / 2 pixels of where labels change, 1 away from there."""
    smooth = cv2.medianBlur(label.astype(np.uint16), 5).astype(np.int32)
    inside = np.ones(label.shape, np.uint8)
    inside[:, 1:] &= smooth[:, 1:] == smooth[:, :-1]
    inside[1:] &= smooth[1:] == smooth[:-1]
    away = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return np.clip(cv2.GaussianBlur(away, (0, 0), 0.6) - width / 2 + 0.3, 0, 1)[..., None]


def cell_means(im: Image, label: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    sums = np.stack([np.bincount(label.ravel(), im[..., c].ravel().astype(float), count) for c in range(3)], 1)
    return sums / np.maximum(np.bincount(label.ravel(), minlength=count), 1)[:, None] / 255
