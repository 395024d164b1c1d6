"""ICC profiles that are made here: sRGB for what is written, and those that a file states in numbers instead.

PNG says gAMA and cHRM or cICP, AVIF and HEIC say nclx; turned into a profile they take the way of any other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

Curve = tuple[float, ...]
"""(gamma,), or (g, a, b, c, d): (aX + b)^g from X = d on, cX below (ICC.1:2022, 10.18)."""

SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
Point = tuple[float, float]

D65: Point = (0.3127, 0.3290)
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


@dataclass(frozen=True)
class Primaries:
    """Chromaticities (x, y) of white, red, green and blue."""

    white: Point
    red: Point
    green: Point
    blue: Point

    def near(self, other: Primaries, tolerance: float = 0.002) -> bool:
        """Whether they are the same but for rounding."""
        pairs = zip(self.points(), other.points(), strict=True)
        return all(abs(a - b) <= tolerance for one, two in pairs for a, b in zip(one, two, strict=True))

    def points(self) -> tuple[Point, ...]:
        return self.white, self.red, self.green, self.blue


SRGB = Primaries(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))

# ITU-T H.273, which cICP and nclx share. 2 means "unspecified"; 1, 6, 14 and 15 are the curve of television cameras,
# whose pictures are shown as sRGB everywhere.
_PRIMARIES = {
    1: SRGB,
    2: SRGB,
    4: Primaries((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: Primaries(D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries(D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 2, 6, 13, 14, 15), SRGB_CURVE),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
}
_HDR = {16: "PQ", 18: "HLG"}


def coded(primaries: int, transfer: int, full_range: bool = True) -> tuple[bytes | None, str]:
    """The profile of colours by the numbers of H.273, None for sRGB; and a note where they cannot be followed."""
    if transfer in _HDR:
        return None, f"its colours are HDR ({_HDR[transfer]}): they are read as sRGB, and look pale or dark"
    if primaries not in _PRIMARIES or transfer not in _CURVES or not full_range:
        return None, "its colours are coded in a way that is not known here: they are read as sRGB"
    same = _PRIMARIES[primaries] is SRGB and _CURVES[transfer] is SRGB_CURVE
    name = f"H.273 primaries {primaries}, transfer {transfer}"
    return None if same else rgb_profile(_PRIMARIES[primaries], _CURVES[transfer], name), ""


def rgb_profile(primaries: Primaries, curve: Curve, name: str) -> bytes:
    """An ICC profile (version 4, a matrix and one curve). Raises ValueError for primaries that span no colours."""
    matrix = _to_d50(primaries)
    columns = {kind: _xyz(matrix[:, index]) for index, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    function = 0 if len(curve) == 1 else 3
    parameters = b"para\0\0\0\0" + struct.pack(">HH", function, 0) + _fixed(curve)
    tags = {
        b"desc": _text(name),
        b"cprt": _text("CC0"),
        b"wtpt": _xyz(_D50),
        **columns,
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), parameters),
    }
    start = 128 + 4 + 12 * len(tags)
    body, places = b"", {}
    for data in tags.values():
        if data not in places:
            places[data] = start + len(body)
            body += data + b"\0" * (-len(data) % 4)
    table = b"".join(kind + struct.pack(">II", places[data], len(data)) for kind, data in tags.items())
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _fixed(_D50) + b"\0" * 48
    return header + struct.pack(">I", len(tags)) + table + body


def srgb_profile() -> bytes:
    """sRGB, half a kilobyte; always the same bytes."""
    return rgb_profile(SRGB, SRGB_CURVE, "sRGB")


def _to_d50(primaries: Primaries) -> Array:
    """RGB to XYZ under D50, white adapted after Bradford."""
    import numpy as np

    d50, bradford = np.array(_D50), np.array(_BRADFORD)
    if any(not (0 < y <= 1 and 0 <= x <= 1) for x, y in primaries.points()):
        raise ValueError("no chromaticities")
    white, *corners = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in primaries.points())
    try:
        columns = np.stack(corners, 1)
        matrix = columns * np.linalg.solve(columns, white)
        cones = np.diag((bradford @ d50) / (bradford @ white))
    except np.linalg.LinAlgError as error:
        raise ValueError("no colours") from error
    adapted: Array = np.linalg.inv(bradford) @ cones @ bradford @ matrix
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 100:
        raise ValueError("no colours")
    return adapted


def _fixed(values: Array | Curve) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))


def _xyz(values: Array | Curve) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
