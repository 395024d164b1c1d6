"""Packages that offer networks: the example of docs/networks.md, and others, as pip installs them."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

from diffstyler_cli.models.plugins import GROUP

DOCUMENT = (Path(__file__).parents[2] / "docs/networks.md").read_text(encoding="utf-8")
PYPROJECT = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT, re.M | re.S)[0]
MODULE, FROM_PYTHON = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.M | re.S)

HALVES = """
class Halves:
    channels, factor = 3, 2

    def encode(self, pixels):
        return torch.nn.functional.avg_pool2d(pixels, 2)

    def decode(self, latents):
        return torch.nn.functional.interpolate(latents, scale_factor=2.0)

    look = preview = decode


def pair():
    network = load()
    network.card = dataclasses.replace(network.card, space="halves")
    return network, Halves()
"""
"""To be added to `MODULE`: the same network on latents that are means of 2×2 pixels."""

Install = Callable[..., Path]
"""install(folder, pyproject, module[, name]): where the package is then, which is in the path of this process."""


def build(folder: Path, pyproject: str, name: str, module: str) -> Path:
    """A wheel, as a build backend makes it of these two files."""
    project = tomllib.loads(pyproject)["project"]
    title, version = project["name"], project["version"]
    points = project["entry-points"][GROUP]
    stem = f"{title.replace('-', '_')}-{version}"
    files = {
        f"{name}.py": module,
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {title}\nVersion: {version}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": "\n".join([f"[{GROUP}]", *(f"{k} = {v}" for k, v in points.items())]),
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{stem}.dist-info/RECORD"))
    folder.mkdir()
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (*files.items(), (f"{stem}.dist-info/RECORD", record)):
            archive.writestr(path, text)
    return wheel


def entry(name: str, target: str = "grey_networks:load", package: str = "grey-networks") -> str:
    return (
        f'[project]\nname = "{package}"\nversion = "2.1"\n'
        f'[project.entry-points."diffstyler.networks"]\n{name} = "{target}"\n'
    )
