"""Every `diffstyler ...` line of README.md, docs/*.md and --help works as written; so does the README's Python block.

The stand-in pipeline paints; sweeps, which it cannot play, are planned with --dry-run. docs/faults.md has no command.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from cli_harness import FAKE_APP, QUICK, Outcome, environment
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from diffstyler_cli import StylizeConfig, Stylizer
from diffstyler_cli.cli.app import COMMANDS
from diffstyler_cli.remote import systems

ROOT = Path(__file__).parents[2]
OWN = ("pipelines.md", "mistakes.md")
"""Documents with tests of their own: tests/pipelines, tests/cli/test_mistakes.py."""
DOCUMENTS = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in OWN)]

ELSEWHERE = {
    "diffstyler stylize": "asks, at a terminal: tests/cli/test_interactive.py",
    'python -m pip install . && diffstyler stylize docs/pictures/macaws.jpg "oil painting"': "installs: .ci/run",
    "diffstyler download": "needs the network: tests/download/test_download_command.py with its own servers",
    "diffstyler download -q --only art": "needs the network: tests/download/test_download_command.py likewise",
    "diffstyler download --only vgg,clip": "needs the network: tests/download/test_download_command.py likewise",
    "diffstyler download wikiart-ddpm": "needs the network: tests/hub/test_hub_download.py with its own Hub",
    "diffstyler download sd15 OWNER/NAME": "needs the network: tests/hub/test_hub_stylize.py likewise",
    "diffstyler download --from ~/old-models": "needs files of weights: tests/download/test_download_command.py",
    'diffstyler stylize photo.png "oil painting" --lambda 0.6 --art-weights lite-training/art.safetensors': (
        "needs trained weights: tests/training/test_own_art.py"
    ),
    'diffstyler stylize holiday/ "watercolor" -o out/ --engine ray': "needs Ray: tests/cluster/test_ray_real.py",
    'diffstyler stylize holiday/ "watercolor" -o out/ --engine ray --address head:6379': (
        "needs a cluster: tests/cluster/test_ray_real.py with two nodes"
    ),
    'diffstyler stylize holiday/ "watercolor" -o out/ --engine ray --address head:6379 --workers 40': (
        "needs a cluster: tests/cluster/test_ray_real.py likewise"
    ),
}
"""Lines that cannot run here, and where what they say is tested."""


def bare(line: str) -> str:
    """The line without its comment."""
    return re.sub(r"\s+# .*$", "", line).strip()


def documented() -> Iterator[tuple[str, str]]:
    """(document, line): of fenced blocks, and of `diffstyler ...` within text where it is a whole command."""
    words = "|".join(COMMANDS)
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
        inside = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.M | re.S)
        for line in "".join(blocks).splitlines():
            if re.search(rf"(?:^|[|&] )diffstyler (?:{words})\b", line):
                yield document.name, bare(line)
        for line in re.findall(rf"`(diffstyler (?:{words}) [^`]*)`", inside):
            if re.search(r"\.(?:png|jpg)\b", line):
                yield document.name, line


LINES = sorted(set(documented()))


@pytest.fixture
def folder(photo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with every photo that a document names, and the configuration file of docs/settings.md."""
    (example,) = re.findall(r"^```toml\n(.*?)^```$", (ROOT / "docs/settings.md").read_text(), re.M | re.S)
    (photo.parent / "config.toml").write_text(example)
    monkeypatch.setenv("DIFFSTYLER_CONFIG", str(photo.parent / "config.toml"))
    monkeypatch.setenv("DIFFSTYLER_CACHE_DIR", str(photo.parent / "cache"))
    for name in ("docs/pictures", "holiday/lake", "trip"):
        (photo.parent / name).mkdir(parents=True)
    for name in (
        "a.jpg",
        "b.jpg",
        "holiday/1.jpg",
        "holiday/lake/2.jpg",
        "trip/1.jpg",
        "photo.jpg",
        "other.jpg",
        "chameleon.jpg",
        "phone.jpg",
        "panorama.jpg",
        "docs/pictures/macaws.jpg",
    ):
        Image.open(photo).save(photo.parent / name)
    masks = {"face.png": (10, 5, 20, 15), "sky.png": (0, 0, 40, 12), "sea.png": (0, 12, 40, 30)}
    masks |= {
        "red.png": (20, 5, 40, 30),
        "blue.png": (0, 8, 18, 30),
        "garden.png": (0, 0, 40, 9),
        "heads.png": (8, 4, 30, 16),
    }
    for name, box in masks.items():
        mask = Image.new("L", (40, 30))
        mask.paste(255, box)
        mask.save(photo.parent / name)
    elsewhere(photo.read_bytes(), monkeypatch)
    cut = Image.open(photo).convert("RGB")
    cut.putalpha(Image.open(photo.parent / "face.png"))
    cut.save(photo.parent / "cut.png")
    return photo.parent


def elsewhere(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What documents name by address is in this memory."""

    class Memory(MemoryFileSystem):
        store: ClassVar[dict[str, Any]] = {}
        pseudo_dirs: ClassVar[list[str]] = [""]

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return super()._strip_protocol(re.sub(r"^\w+://", "memory://", path))

    files = Memory(skip_instance_cache=True)
    for name in ("bucket/holiday/1.jpg", "bucket/2026/1.jpg", "example.org/photo.jpg"):
        files.pipe_file(f"/{name}", photo)
    files.pipe_file("/bucket/out/manifest/1.jsonl", b'{"kind": "run"}\n')
    monkeypatch.setattr(systems, "_systems", {})
    monkeypatch.setattr(fsspec, "get_filesystem_class", lambda protocol: Memory)


def in_shell(folder: Path, line: str) -> None:
    """By bash, with the stand-in as `diffstyler`."""
    command = folder / "bin/diffstyler"
    command.parent.mkdir()
    command.write_text(f'#!/bin/bash\nexec "{sys.executable}" "{FAKE_APP}" "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder, env=environment(PATH=path), capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


HERE = [pair for pair in LINES if pair[1] not in ELSEWHERE]
SWEEPS = [pair for pair in HERE if pair[1].startswith("diffstyler sweep")]


@pytest.mark.parametrize(("document", "line"), [pair for pair in HERE if pair not in SWEEPS])
def test_a_documented_command_works(cli: Callable[..., Outcome], folder: Path, document: str, line: str) -> None:
    if re.search(r"\binspect out\.png", line):
        assert cli("stylize", "photo.png", "woodcut", *QUICK, "-q", "-o", "out.png").code == 0
    if line.startswith("diffstyler inspect out/"):
        assert cli("stylize", "holiday", "woodcut", *QUICK, "-q", "-o", "out").code == 0
    if re.search(r"[|>]|&&", line):
        in_shell(folder, line)
    else:
        outcome = cli(*shlex.split(line)[1:])
        assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(("document", "line"), SWEEPS)
def test_a_documented_sweep_can_be_planned(
    lite_cli: Callable[..., tuple[int, str, str]], folder: Path, document: str, line: str
) -> None:
    arguments = shlex.split(line)[1:]
    code, _, err = lite_cli(*arguments, *([] if "--dry-run" in arguments else ["--dry-run"]))
    assert code == 0, err
    assert "pictures of" in err


def test_what_runs_elsewhere_is_documented_and_the_tests_named_are_there() -> None:
    lines = {line for _, line in LINES}
    for line, reason in ELSEWHERE.items():
        assert line in lines, f"no document says {line}"
        path = re.search(r"(?:tests|\.ci)/[\w/.]+\w", reason)
        assert path is not None
        assert (ROOT / path[0]).is_file(), path[0]
    assert len(LINES) > 30


def test_the_examples_of_help_work(cli: Callable[..., Outcome], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERMINAL_WIDTH", "300")
    found = set()
    for command in ((), *((name,) for name in COMMANDS)):
        text = cli(*command, "--help").out.decode()
        found |= set(re.findall(rf"diffstyler (?:{'|'.join(COMMANDS)}) [^│\n]*\w[\"']?", text))
    examples = [line for line in found if re.search(r"[\"']|\.png|\.jpg", line)]
    assert examples, found
    assert cli("stylize", "photo.png", "woodcut", *QUICK, "-q", "-o", "out.png").code == 0
    for line in map(bare, examples):
        arguments = shlex.split(line)[1:]
        if re.search(r"[|>]", line):
            in_shell(folder, line)
        elif arguments[0] != "sweep":
            assert cli(*arguments, *(QUICK if arguments[0] == "stylize" else ())).code == 0, line


def test_the_python_of_the_readme_runs(
    stylizer: Stylizer, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the lite models, at a quarter of the size."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    small = dataclasses.replace(StylizeConfig(), size=64)
    monkeypatch.setattr(StylizeConfig, "defaults", lambda model_set="lite": small)
    monkeypatch.setattr(Stylizer, "load", lambda *arguments, **settings: stylizer)
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    with Image.open("out.png") as picture:
        assert picture.size == names["result"].image.size
    assert f"sample {small.steps} {small.steps}" in capsys.readouterr().out
