"""A phone's photo of 12 megapixels, from the file to the file, at its own size: what it needs of memory and time."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffstyler_cli.sample import SAMPLE

SIZE = (4000, 3000)


@pytest.fixture
def phone_photo(tmp_path: Path) -> Path:
    """The sample photo, enlarged, with detail of its own at that size; upright only by its EXIF orientation."""
    with Image.open(SAMPLE) as opened:
        photo = opened.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 12, (SIZE[1], SIZE[0], 1))
    photo = Image.fromarray((np.asarray(photo) + grain).clip(0, 255).astype(np.uint8))
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.rotate(90, expand=True).save(path, quality=92, exif=exif)
    return path


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_twelve_megapixels_come_back_at_their_own_size(phone_photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = phone_photo.with_name("out.png")
    words = ["stylize", str(phone_photo), "oil painting", "--size", "original", "--steps", "6", "--seed", "1"]
    memory = phone_photo.with_name("memory.txt")
    code = (
        "import sys; from pathlib import Path; from diffstyler_cli.cli.app import run; code = run(sys.argv[2:]); "
        "Path(sys.argv[1]).write_text(Path('/proc/self/status').read_text()); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, str(memory), *words, "-q", "-o", str(out)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr.decode()
    # of this program alone: what the system tells of a child begins with the memory of its parent
    peak = int(re.search(r"^VmHWM:\s+(\d+) kB$", memory.read_text(), re.M)[1]) * 1024  # type: ignore[index]
    with capsys.disabled():
        print(f"\n12 megapixels, 6 steps: {time.monotonic() - began:.0f} s, {peak / 1e9:.2f} GB at most")
    assert peak < 3e9
    with Image.open(out) as opened:
        assert opened.size == SIZE
        made = opened.convert("RGB")
    with Image.open(SAMPLE) as opened:
        photo = np.asarray(opened.convert("L").resize((60, 45), Image.Resampling.BOX), float)
    small = np.asarray(made.convert("L").resize((60, 45), Image.Resampling.BOX), float)
    assert np.corrcoef(photo.ravel(), small.ravel())[0, 1] > 0.8  # the right way up
