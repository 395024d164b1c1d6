"""What λ and T1 do, on photos that no model was trained on: `python benchmarks/trends.py PHOTO... -o trends.svg`.

Sweeps every photo with the lite models and draws two panels: the content score against T1 (mean over λ), and against λ
(mean over T1) how much better the art network explains the pictures than the photo network does: the mean logarithm of
the ratio of their denoising errors, both without a prompt (as in Li et al. 2023, "Your diffusion model is secretly a
zero-shot classifier"). Prints both tables.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

LAMBDAS, T1S = ("0", "0.25", "0.5", "0.75", "1"), ("1.0x", "1.2x", "1.4x", "1.6x")
TIMES = (0.3, 0.5, 0.7)
COMMAND = [sys.executable, "-c", "from diffstyler_cli.cli.app import main; main()", "sweep"]
Lines = dict[str, list[float]]


def sweep(photo: Path, folder: Path, options: Sequence[str]) -> list[dict[str, Any]]:
    """The manifest's cells."""
    axes = ["--lambda", ",".join(LAMBDAS), "--t1", ",".join(T1S), "--models", "lite", "--no-grid"]
    subprocess.run(
        [*COMMAND, str(photo), "oil painting", *axes, *options, "-o", str(folder), "-q"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    cells: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_bytes())["cells"]
    return cells


def art_statistic(stylizer: Any, picture: Path) -> float:
    """log of photo network's over art network's denoising error, mean over times, with the same noise for all."""
    import torch

    from diffstyler_cli.diffusion.schedule import alpha_sigma
    from diffstyler_cli.pipeline.subject import make_subject

    x0 = make_subject(stylizer.components, [picture], 256, stylizer.device).x0
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0)).to(x0)
    ratios = []
    with torch.no_grad():
        for t in TIMES:
            alpha, sigma = alpha_sigma(t)
            x, v = alpha * x0 + sigma * noise, alpha * noise - sigma * x0
            errors = [
                (network(x, torch.tensor([t])) - v).square().mean()
                for network in (stylizer.components.photo, stylizer.components.art)
            ]
            ratios.append(float((errors[0] / errors[1]).log()))
    return mean(ratios)


def table(cells: list[dict[str, Any]], axis: str, key: str) -> list[float]:
    """Mean of `key` at each value of an axis."""
    values = list(dict.fromkeys(cell["values"][axis] for cell in cells))
    return [mean(cell[key] for cell in cells if cell["values"][axis] == value) for value in values]


def svg(panels: Sequence[tuple[str, str, Sequence[str], Lines]]) -> str:
    """Panels of (title, name of x, its values, a line a photo); the mean of the lines is bold."""
    parts = []
    for index, (title, name, ticks, lines) in enumerate(panels):
        left, top, width, height = 70 + index * 400, 50, 300, 220
        numbers = [y for line in lines.values() for y in line]
        low, high = min(numbers), max(numbers)
        low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
        xs = [left + width * k / (len(ticks) - 1) for k in range(len(ticks))]

        def points(line: list[float], xs: list[float] = xs, low: float = low, high: float = high) -> str:
            return " ".join(
                f"{x:.1f},{50 + 220 * (1 - (y - low) / (high - low)):.1f}" for x, y in zip(xs, line, strict=True)
            )

        parts.append(f'<text x="{left}" y="28" font-weight="600">{title}</text>')
        for k in range(5):
            y, value = top + height * (1 - k / 4), low + (high - low) * k / 4
            parts.append(f'<path d="M{left} {y}h{width}" stroke="#ddd"/>')
            parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#555">{value:.3f}</text>')
        for x, text in zip(xs, ticks, strict=True):
            parts.append(f'<text x="{x}" y="{top + height + 20}" text-anchor="middle" fill="#555">{text}</text>')
        parts.append(f'<text x="{left + width / 2}" y="{top + height + 42}" text-anchor="middle">{name}</text>')
        parts += [f'<polyline points="{points(line)}" fill="none" stroke="#9db2c7"/>' for line in lines.values()]
        middle = [mean(column) for column in zip(*lines.values(), strict=True)]
        parts.append(f'<polyline points="{points(middle)}" fill="none" stroke="#b3470f" stroke-width="3"/>')
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 330" font-family="sans-serif" font-size="13">'
        f'<rect width="800" height="330" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("-o", dest="output", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="keep the sweeps here; those that are there go on or are taken")
    parser.add_argument("--options", default="", help='more options of the sweep, as in "--steps 20 --size 192"')
    given = parser.parse_args()
    from diffstyler_cli import Stylizer

    stylizer = Stylizer.load("lite", device="cpu", dtype="fp32")
    content: Lines = {}
    art: Lines = {}
    with tempfile.TemporaryDirectory() as scratch:
        for photo in given.photos:
            place = (given.folder or Path(scratch)) / photo.stem
            cells = sweep(photo, place, ["--seed", "1", *given.options.split()])
            for cell in cells:
                cell |= {"content": cell["scores"]["content"], "art": art_statistic(stylizer, place / cell["file"])}
            content[photo.stem] = table(cells, "t1", "content")
            art[photo.stem] = table(cells, "lam", "art")
            print(f"{photo.name}: content by T1 {content[photo.stem]}; art by λ {art[photo.stem]}", flush=True)
    panels = [
        ("content score", "T1 (mean over λ)", T1S, content),
        ("art statistic: log of the error ratio", "λ (mean over T1)", LAMBDAS, art),
    ]
    given.output.write_text(svg(panels), encoding="utf-8")


if __name__ == "__main__":
    main()
