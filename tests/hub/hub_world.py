"""A Hub on loopback with tiny networks in diffusers' format, the real client, and the command line in this process."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import httpx2
from huggingface_hub import constants
from servers import Server

from diffstyler_cli.cli.app import run
from diffstyler_cli.weights import transfer
from diffstyler_cli.weights.cache import Cache
from diffstyler_cli.weights.registry import network

PIXELS = network("wikiart-ddpm").repository
LATENTS = network("sd15").repository
FINE_TUNE = "someone/sd15-woodcuts"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folders:
    """Networks on disk: pixels as `wikiart-ddpm`, latents as `sd15`, and a fine-tune of that."""

    pixels: Path
    latents: Path
    fine_tune: Path


class HubWorld:
    """A Hub with the networks, the store it redirects to, and the command line with an empty cache."""

    def __init__(self, folder: Path, hub: Server, store: Server) -> None:
        self.folder = folder
        self.hub = hub
        self.store = hub.store = store
        self.cache = Cache(folder / "cache")
        self.patience = 20.0

    def offer(self, repository: str, folder: Path, licence: str = "", besides: dict[str, bytes] | None = None) -> None:
        """Puts the files of a folder on the Hub, and others `besides`."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.hub.hub[f"{repository}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
        for name, content in (besides or {}).items():
            self.hub.hub[f"{repository}/{name}"] = content
        if licence:
            self.hub.licences[repository] = licence

    def stored(self, repository: str, file: str) -> str:
        """Path of a large file behind the Hub's redirect."""
        import hashlib

        return f"/store/{hashlib.sha256(self.hub.hub[f'{repository}/{file}']).hexdigest()}"

    def asked(self) -> list[str]:
        """Paths that the Hub and its store were asked for."""
        return [request.path for server in (self.hub, self.store) for request in server.log]

    def forget(self) -> None:
        """Clears what was asked."""
        for server in (self.hub, self.store):
            server.log.clear()

    def run(self, *arguments: object, environment: dict[str, str] | None = None) -> Outcome:
        """`diffstyler ARGUMENTS` in this process and in `folder`, without waiting between attempts."""
        places = {
            "DIFFSTYLER_CACHE_DIR": str(self.cache.folder),
            "DIFFSTYLER_CONFIG": str(self.folder / "config.toml"),
            "HF_HOME": str(self.folder / "hf"),
        }
        with ExitStack() as stack:
            for name, value in {
                "ENDPOINT": self.hub.url,
                "HUGGINGFACE_CO_URL_TEMPLATE": self.hub.url + "/{repo_id}/resolve/{revision}/{filename}",
                "HF_HUB_CACHE": str(self.folder / "hf" / "hub"),
                "HF_TOKEN_PATH": str(self.folder / "hf" / "token"),
            }.items():
                stack.enter_context(mock.patch.object(constants, name, value))
            from huggingface_hub import hf_api

            for module in (hf_api,):
                if hasattr(module, "ENDPOINT"):
                    stack.enter_context(mock.patch.object(module, "ENDPOINT", self.hub.url))
            stack.enter_context(mock.patch.object(transfer, "sleep", return_value=None))
            stack.enter_context(mock.patch.object(transfer, "TIMEOUT", httpx2.Timeout(self.patience)))
            stack.enter_context(mock.patch.object(transfer, "PATIENCE", self.patience))
            stack.enter_context(mock.patch.dict(os.environ, {**places, **(environment or {})}))
            streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
            nothing = stack.enter_context(open(os.devnull))
            stack.enter_context(mock.patch.multiple(sys, stdout=streams[0], stderr=streams[1], stdin=nothing))
            handler, before = signal.getsignal(signal.SIGTERM), Path.cwd()
            os.chdir(self.folder)
            try:
                code = run(list(map(str, arguments)))
            finally:
                os.chdir(before)
                signal.signal(signal.SIGTERM, handler)
            for stream in streams:
                stream.flush()
            out, err = (stream.buffer.getvalue().decode() for stream in streams)
        return Outcome(code, out, err)
