"""JPEG files that are cut short: what is there of them, which every viewer shows."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

END = b"\xff\xd9"
_SCAN = 0xDA
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers that nothing belongs to


def lacks_end(data: bytes) -> bool:
    """Whether the end marker is missing behind the first scan."""
    # within a scan no 0xFF stands before 0xD9: it would be followed by a zero
    return data.find(END, _first_scan(data)) < 0


def missing_rows(data: bytes, image: Image.Image) -> int | None:
    """How many rows at the bottom are not there; None of a progressive file that has all of them, but coarsely.

    Args:
        data: the file, without its end.
        image: the same with an end, decoded: what is missing is grey.
    """
    import numpy as np

    width, height = image.size
    if image.info.get("progressive"):
        # where a second scan begins, the first is whole
        return None if data.find(bytes((0xFF, _SCAN)), _first_scan(data)) >= 0 else height
    blank = _blank(image.mode, width, height)
    with Image.open(BytesIO(data)) as partial:
        canvas = Image.frombytes(image.mode, image.size, blank.tobytes())
        partial.im = canvas.im  # decoded into, row by row
        with suppress(OSError):
            partial.load()
        read = np.asarray(canvas)
    # the decoder holds back the last rows that it has, for want of an end: those are not grey
    held = (read == blank).reshape(height, -1).all(1)
    last = np.asarray(image).reshape(height, width, -1)[:, -(width % 8 or 8) :]
    grey = ((last == 127) | (last == 128)).reshape(height, -1).all(1)
    there = ~(held & grey)[::-1]
    return int(np.argmax(there)) if there.any() else height


def _first_scan(data: bytes) -> int:
    """Where the data of the first scan begin; as far as markers can be followed, if there is none."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        elif marker in _ALONE:
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            if marker == _SCAN:
                break
    return place


def _blank(mode: str, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Rows that no JPEG file holds: black and white pixel by pixel, all exact."""
    import numpy as np

    row = (np.arange(width) % 2 * 255).astype(np.uint8)
    bands = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    row = row if bands == 1 else np.repeat(row[:, None], bands, 1)
    return np.ascontiguousarray(np.broadcast_to(row, (height, *row.shape)))
