"""Colours as the file says them: gAMA, cHRM and cICP of a PNG, nclx of an AVIF, and the one transparent colour."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from image_files import GREY, GREY_ALPHA, RGB, gradient, png_chunk, png_file, rgb_profile, saved
from PIL import Image, ImageCms

from diffstyler_cli.errors import InputImageError
from diffstyler_cli.images import read_image
from diffstyler_cli.images.profiles import SRGB, SRGB_CURVE, srgb_profile
from diffstyler_cli.images.profiles import rgb_profile as profile_of

Array = np.ndarray[Any, np.dtype[Any]]
PICTURE = np.asarray(gradient(24, 16))
P3 = ((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT2020 = ((0.3127, 0.3290), (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
BT709 = ((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


def to_light(picture: Array) -> Array:
    values = picture / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def from_light(light: Array, gamma: float | None = None) -> Array:
    light = light.clip(0, 1)
    if gamma is not None:
        return np.asarray((light**gamma * 255).round().astype(np.uint8))
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((values * 255).round().astype(np.uint8))


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> Array:
    white, *corners = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in primaries)
    columns = np.stack(corners, 1)
    return columns * np.linalg.solve(columns, white)


def in_primaries(light: Array, primaries: tuple[tuple[float, float], ...]) -> Array:
    """Light in sRGB's primaries as it is in others of the same white."""
    return np.asarray(light @ (np.linalg.inv(to_xyz(primaries)) @ to_xyz(BT709)).T)


def png(picture: Array, *extra: tuple[bytes, bytes]) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    chunks = b"".join(png_chunk(kind, data) for kind, data in extra)
    return png_file(rows, picture.shape[1], picture.shape[0], RGB, 8, chunks)


def gama(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def chrm(primaries: tuple[tuple[float, float], ...]) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(v * 100_000) for point in primaries for v in point))


def cicp(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, matrix, full])


def differ(data: bytes, expected: Array = PICTURE) -> tuple[float, list[str]]:
    """Mean and notes. Numbers of 8 bits have gaps where they are spread, so single pixels may differ by more."""
    loaded = read_image(data)
    return float(np.abs(np.asarray(loaded.rgb).astype(int) - expected).mean()), loaded.notes


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(from_light(to_light(PICTURE), 1.0), gama(1.0)), id="gamma 1"),
        pytest.param(png(from_light(to_light(PICTURE), 1 / 1.8), gama(1 / 1.8)), id="gamma 1.8"),
        pytest.param(png(PICTURE, gama(0.45455)), id="gamma 2.2 is sRGB"),
        pytest.param(png(PICTURE, gama(0.45455), chrm(BT709)), id="gamma and primaries of sRGB"),
        pytest.param(png(from_light(in_primaries(to_light(PICTURE), P3)), chrm(P3)), id="P3"),
        pytest.param(png(from_light(in_primaries(to_light(PICTURE), P3), 0.5), gama(0.5), chrm(P3)), id="gamma, P3"),
        pytest.param(png(PICTURE, (b"sRGB", b"\0"), gama(1.0), chrm(P3)), id="sRGB over gAMA"),
        pytest.param(png(from_light(in_primaries(to_light(PICTURE), P3)), cicp(12, 13)), id="cICP P3"),
        pytest.param(png(from_light(in_primaries(to_light(PICTURE), BT2020)), cicp(9, 1)), id="cICP BT.2020"),
        pytest.param(png(from_light(to_light(PICTURE), 1.0), cicp(1, 8)), id="cICP linear"),
        pytest.param(png(from_light(in_primaries(to_light(PICTURE), P3)), cicp(12, 13), gama(1.0)), id="cICP, gAMA"),
        pytest.param(png(PICTURE, cicp(1, 13)), id="cICP sRGB"),
    ],
)  # fmt: skip
def test_stated_colours_become_srgb(data: bytes) -> None:
    mean, notes = differ(data)
    assert notes == []
    assert mean <= 1


def test_an_embedded_profile_counts_more_than_gama_and_less_than_cicp() -> None:
    linear = b"iCCP", b"x\0\0" + zlib.compress(rgb_profile(1.0))
    assert differ(png(from_light(to_light(PICTURE), 1.0), gama(0.3), linear))[0] <= 1
    assert differ(png(PICTURE, linear, cicp(1, 13))) == (0, [])
    mean, notes = differ(png(from_light(to_light(PICTURE), 1.0), linear, cicp(9, 16)))  # HDR, and a profile beside it
    assert (mean <= 1, notes) == (True, [])


@pytest.mark.parametrize(
    ("extra", "note"),
    [
        ((cicp(9, 16),), "HDR (PQ)"),
        ((cicp(9, 18),), "HDR (HLG)"),
        ((cicp(1, 13, 0, 0),), "not known here"),
        ((cicp(1, 13, 1, 1),), "not known here"),
        ((cicp(77, 13),), "not known here"),
        ((gama(0),), "make no sense"),
        (((b"gAMA", b"\0"),), "make no sense"),
        ((chrm(((0, 0),) * 4),), "make no sense"),
        ((chrm(((0.3, 0.3),) * 4),), "make no sense"),
        (((b"iCCP", b"x\0\0garbage"),), "profile cannot be used"),
        (((b"iCCP", b"x\0\7" + zlib.compress(rgb_profile())),), "profile cannot be used"),
        (((b"iCCP", b"x\0\0" + zlib.compress(bytes(2_000_000))),), "profile cannot be used"),
        (((b"iCCP", b"x\0\0" + zlib.compress(bytes(20_000_000), 9)),), "profile cannot be used"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_said_in_one_notice(extra: tuple[tuple[bytes, bytes], ...], note: str) -> None:
    mean, notes = differ(png(PICTURE, *extra))
    assert mean == 0
    assert len(notes) == 1
    assert note in notes[0]


def test_a_long_profile_counts() -> None:
    long = rgb_profile(1.0)
    padded = struct.pack(">I", len(long) + 2_000_000) + long[4:] + bytes(2_000_000)
    mean, notes = differ(png(from_light(to_light(PICTURE), 1.0), (b"iCCP", b"x\0\0" + zlib.compress(padded))))
    assert (mean <= 1, notes) == (True, [])


@pytest.mark.parametrize("coding", [(12, 13), (9, 13), (1, 13), (1, 1), (2, 2)])
def test_the_colours_of_an_avif(coding: tuple[int, int]) -> None:
    primaries = {12: P3, 9: BT2020}.get(coding[0], BT709)
    stored = from_light(in_primaries(to_light(PICTURE), primaries))
    data = saved(Image.fromarray(stored), "AVIF", quality=100, subsampling="4:4:4")
    place = data.index(b"nclx") + 4
    data = data[:place] + struct.pack(">HH", *coding) + data[place + 4 :]
    mean, notes = differ(data)
    assert notes == []
    assert mean <= 2
    (note,) = differ(data[:place] + struct.pack(">HH", 9, 16) + data[place + 4 :])[1]
    assert "HDR (PQ)" in note


def test_profiles_made_here_are_what_they_say() -> None:
    for data in (srgb_profile(), profile_of(SRGB, SRGB_CURVE, "x")):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB")
        moved = ImageCms.applyTransform(gradient(), transform)
        assert np.abs(np.asarray(moved).astype(int) - np.asarray(gradient())).max() <= 1
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))).strip() == "sRGB"
    assert len(srgb_profile()) < 600


# --- parts that are damaged ------------------------------------------------------------------------------------------


def spoilt(kind: bytes, data: bytes) -> bytes:
    chunk = png_chunk(kind, data)
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


def with_chunk(chunk: bytes, behind: bool = False) -> bytes:
    data = saved(gradient(), "PNG")
    place = len(data) - 12 if behind else 33
    return data[:place] + chunk + data[place:]


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"vpAg"])
def test_a_wrong_checksum_in_what_nobody_sees_stops_no_picture(kind: bytes, behind: bool) -> None:
    assert differ(with_chunk(spoilt(kind, b"Comment\0hi"), behind), np.asarray(gradient())) == (0, [])


@pytest.mark.parametrize(
    ("kind", "data", "what"),
    [
        (*gama(1.0), "colours"),
        (*cicp(12, 13), "colours"),
        (b"tRNS", bytes(6), "transparency"),
        (b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0", "EXIF"),
    ],
)
def test_a_wrong_checksum_in_what_counts_is_said(kind: bytes, data: bytes, what: str) -> None:
    mean, (note,) = differ(with_chunk(spoilt(kind, data)), np.asarray(gradient()))
    assert mean == 0
    assert what in note


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_in_what_is_needed_is_an_error(kind: bytes) -> None:
    data = saved(gradient().quantize(), "PNG")
    place = data.index(kind)
    length = int.from_bytes(data[place - 4 : place], "big")
    end = place + 4 + length
    with pytest.raises(InputImageError, match="damaged"):
        read_image(data[:end] + bytes([data[end] ^ 1]) + data[end + 1 :])


# --- one transparent colour ------------------------------------------------------------------------------------------


def packed(values: Array, bits: int) -> bytes:
    """Rows of a PNG of less than 8 bits."""
    rows = ((values[..., None] >> np.arange(bits)[::-1]) & 1).reshape(len(values), -1)
    return b"".join(b"\0" + np.packbits(row.astype(np.uint8)).tobytes() for row in rows)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_every_depth(bits: int) -> None:
    most = 2**bits - 1
    values = np.arange(256).reshape(8, 32) * most // 255
    key = most if bits < 8 else most - most // 3
    rows = packed(values, bits) if bits < 16 else b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    loaded = read_image(png_file(rows, 32, 8, GREY, bits, png_chunk(b"tRNS", struct.pack(">H", key))))
    assert loaded.alpha is not None
    assert (np.asarray(loaded.alpha) == np.where(values == key, 0, 255)).all()
    seen = values != key
    assert np.abs(np.asarray(loaded.rgb)[seen] - np.round(values[seen] * 255 / most)[:, None]).max() <= 1


def test_the_transparent_colour_of_16_bits_is_that_one_alone() -> None:
    key = (1000, 2000, 3000)
    row = b"\0" + b"".join(struct.pack(">3H", *c) for c in (key, (1001, 2000, 3000), (1000, 2001, 3000), (9, 9, 9)))
    loaded = read_image(png_file(row, 4, 1, RGB, 16, png_chunk(b"tRNS", struct.pack(">3H", *key))))
    assert loaded.alpha is not None
    assert list(loaded.alpha.tobytes()) == [0, 255, 255, 255]
    loaded = read_image(png_file(b"\0" + struct.pack(">2H", 65535, 1), 1, 1, GREY_ALPHA, 16))
    assert loaded.alpha is not None


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_with_transparency_of_every_depth(bits: int) -> None:
    count = min(2**bits, 16)
    values = np.arange(32).reshape(4, 8) % count
    palette = bytes(v * 15 for index in range(count) for v in (index, count - index, 7))
    alphas = bytes(255 - index * 15 for index in range(count))
    chunks = png_chunk(b"PLTE", palette) + png_chunk(b"tRNS", alphas)
    loaded = read_image(png_file(packed(values, bits), 8, 4, 3, bits, chunks))
    assert loaded.alpha is not None
    assert (np.asarray(loaded.alpha) == 255 - values * 15).all()
    assert (np.asarray(loaded.rgb)[..., 0] == values * 15).all()


# --- inks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_inks_are_never_inverted(format: str) -> None:
    rows = [((0, 0, 0, 0), (255, 255, 255)), ((0, 0, 0, 255), (0, 0, 0)), ((0, 255, 255, 0), (255, 0, 0))]
    for inks, expected in rows:
        loaded = read_image(saved(Image.new("CMYK", (16, 16), inks), format))
        assert loaded.rgb.getpixel((8, 8)) == pytest.approx(expected, abs=2)
