"""One component, two servers and an empty cache: where the tests of downloading take place."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import httpx2
import torch
from huggingface_hub import constants
from safetensors.torch import save
from servers import Server

from diffstyler_cli.cli.app import run
from diffstyler_cli.weights import settings, transfer
from diffstyler_cli.weights.cache import MARKER, Cache, Entry
from diffstyler_cli.weights.registry import ComponentSpec, Source, spec

SOURCE = Path(__file__).parents[2] / "src"
REPOSITORY = "someone/aesthetics"
FILE = "sac.safetensors"
KEY = "aesthetic"


def weights(padding: int = 0) -> bytes:
    """A file of the aesthetic regressor, `padding` bytes longer than it need be."""
    tensors = {"linear.weight": torch.linspace(-1, 1, 512)[None], "linear.bias": torch.tensor([5.0])}
    return save(tensors, {"padding": "x" * padding})


CONTENT = weights(4000)


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str
    left: str = ""
    """What is left on a disk that is gone by now, in the words of `World.left`."""


class World:
    """A Hub, the store that it redirects to, a mirror with the same file, and the command line with an empty cache.

    The real table has one component in it, whose sources are the Hub and then the mirror.
    """

    def __init__(self, folder: Path, hub: Server, store: Server, mirror: Server, content: bytes = CONTENT) -> None:
        self.folder = folder
        self.hub = hub
        self.store = hub.store = store
        self.mirror = mirror
        self.content = content
        self.digest = hashlib.sha256(content).hexdigest()
        self.cache = Cache(folder / "cache")
        hub.hub[f"{REPOSITORY}/{FILE}"] = content
        mirror.files[f"/{FILE}"] = content
        self.from_hub = Source("hub", REPOSITORY, FILE)
        self.from_mirror = Source("url", mirror.url, FILE)
        self.sources: tuple[Source, ...] = (self.from_hub, self.from_mirror)
        self.sha256: tuple[str, ...] = (self.digest,)
        self.patience = 20.0
        """Seconds after which a silent server is given up."""
        self.endpoint = hub.url
        self.others: tuple[ComponentSpec, ...] = ()
        """Further components of the table."""

    @property
    def stored(self) -> str:
        """Path of the file behind the Hub's redirect."""
        return f"/store/{self.digest}"

    @property
    def component(self) -> ComponentSpec:
        return dataclasses.replace(
            spec(KEY), sources=self.sources, sha256=self.sha256, size=len(self.content), cached=2200
        )

    def run(self, *arguments: object, environment: Mapping[str, str] | None = None) -> Outcome:
        """`diffstyler download ARGUMENTS` in this process, without waiting between attempts."""
        with ExitStack() as stack:
            for change in self._changes():
                stack.enter_context(change)
            stack.enter_context(mock.patch.dict(os.environ, self.environment(environment or {}), clear=True))
            streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
            stack.enter_context(mock.patch.multiple(sys, stdout=streams[0], stderr=streams[1]))
            handler = signal.getsignal(signal.SIGTERM)
            try:
                code = run(["download", "--only", KEY, *map(str, arguments)])
            finally:
                signal.signal(signal.SIGTERM, handler)
            for stream in streams:
                stream.flush()
            out, err = (stream.buffer.getvalue().decode() for stream in streams)
        return Outcome(code, out, err)

    def start(
        self, *arguments: object, environment: Mapping[str, str] | None = None, before: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """The same in a process of its own, told of the place by environment variables and a configuration file."""
        code = "from diffstyler_cli.cli.app import main; main()"
        return subprocess.Popen(
            [*before, sys.executable, "-c", code, "download", "--only", KEY, *map(str, arguments)],
            env=self.environment({"DIFFSTYLER_CONFIG": str(self.configured()), **(environment or {})}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
        )

    def configured(self) -> Path:
        """A configuration file with the component's sources and hash."""
        config = self.folder / "config.toml"
        places = ", ".join(f'"{source}"' for source in self.sources)
        config.write_text(f'[weights.{KEY}]\nsource = [{places}]\nsha256 = "{self.digest}"\n')
        return config

    def finish(self, process: subprocess.Popen[str]) -> Outcome:
        out, err = process.communicate(timeout=300)
        return Outcome(process.returncode, out, err)

    def environment(self, changes: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
        return kept | {
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(SOURCE),
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.folder / "hf"),
            "DIFFSTYLER_CACHE_DIR": str(self.cache.folder),
            **changes,
        }

    def _changes(self) -> list[mock._patch[object]]:
        """What a new process reads from its environment when it imports the Hub's client, and no waiting."""
        return [
            mock.patch.object(settings, "FULL", (self.component, *self.others)),
            mock.patch.object(constants, "ENDPOINT", self.endpoint),
            mock.patch.object(
                constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
            ),
            mock.patch.object(constants, "HF_HUB_CACHE", str(self.folder / "hf" / "hub")),
            mock.patch.object(constants, "HF_TOKEN_PATH", str(self.folder / "hf" / "token")),
            mock.patch.object(transfer, "sleep", return_value=None),
            mock.patch.object(transfer, "TIMEOUT", httpx2.Timeout(self.patience)),
            mock.patch.object(transfer, "PATIENCE", self.patience),
        ]

    # --- what is there -----------------------------------------------------------------------------------------------
    def entry(self) -> Entry | None:
        return self.cache.find(KEY)

    def begin(self, count: int, content: bytes | None = None) -> Path:
        """Leaves the first `count` bytes as a download that was broken off."""
        part = self.cache.part(KEY, self.digest)
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes((content or self.content)[:count])
        return part

    def left(self) -> str:
        """What lies in the cache, in words."""
        found = []
        for path in sorted(p for p in self.cache.folder.rglob("*") if p.is_file() and p.suffix != ".lock"):
            if path.suffix == ".part":
                found.append("a part")
            elif path.suffix == ".safetensors":
                found.append("the component" if self.entry() else "a damaged file that does not count")
            elif not (path.name in ("record.json", MARKER) or path.with_suffix(".part").exists()):
                found.append(path.name)
        return " and ".join(found) or "nothing"

    def plain(self, text: str) -> str:
        """`text` without what differs from run to run."""
        for place, name in (
            (self.hub.url, "http://hub"),
            (self.mirror.url, "https://mirror"),
            (str(self.folder), ""),
            (self.digest[:12], "0123456789ab"),
        ):
            text = text.replace(place, name)
        text = re.sub(r"\(SHA-256 (?!0123)[0-9a-f]{12}…\)", "(SHA-256 ba9876543210…)", text)
        return re.sub(r"\[Errno -?\d+\] ", "", text)


@contextmanager
def new_world(folder: Path, content: bytes = CONTENT) -> Iterator[World]:
    with Server() as hub, Server() as store, Server() as mirror:
        yield World(folder, hub, store, mirror, content)


def wait_for(what: Callable[[], bool], seconds: float = 240) -> None:
    """Waits until `what` is so."""
    import time

    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
