"""A Ray cluster: found or started, quietly; how many workers fit on it, and with how many cores each.

Importing this module imports no Ray.
"""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..errors import DiffStylerError, UsageError

LOCAL = "local"
"""The address of a cluster of one node, this machine, that lives as long as the run."""
VARIABLE = "RAY_ADDRESS"
"""Ray's own: the address where none is given."""
EXTRA = 'pip install "diffstyler-cli[ray]"'
STORE = 128 << 20
"""Bytes of the object store of a cluster of our own, beside the files that go into it."""
ANSWERS = 5.0
"""Seconds in which a cluster answers."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


class ClusterError(DiffStylerError):
    """A Ray cluster that is not there, or that no worker runs on (exit code 1)."""


@dataclass(frozen=True)
class Need:
    """What a worker takes of its node.

    Args:
        gpu: whether it computes on one; None where it does if the cluster has any.
        cores: of the processor, where it computes on that and nobody says how many workers there shall be.
        memory: bytes, likewise.
    """

    gpu: bool | None = None
    cores: int = 1
    memory: int = 0


@dataclass(frozen=True)
class Share:
    """How the cluster is shared out: workers, and what each has."""

    workers: int
    cores: float
    gpus: int = 0

    @property
    def threads(self) -> int | None:
        """Threads that a worker computes with; None where it computes on a GPU."""
        return None if self.gpus else max(1, int(self.cores))


def load_ray() -> Any:
    """The module. Raises `UsageError` where it is not installed."""
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError("--engine ray needs Ray, which is not installed here.", f"Install it: {EXTRA}") from error


class Cluster:
    """A connection to a cluster: to the one at `address`; without one to that which Ray's own variable names, or to one
    of this machine alone, which is started, listens on loopback and ends with the run.

    Raises `ClusterError` where none answers.
    """

    def __init__(self, address: str | None, store: int = 0) -> None:
        self.address = address or os.environ.get(VARIABLE) or LOCAL
        self.own = self.address == LOCAL
        self._folder = ""
        _prepare(self.own, self.own or self.address.rpartition(":")[0] in _LOOPBACK)
        self.ray = load_ray()
        if not self.own:
            _ask(self.address)
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self.own:
            self._folder = tempfile.mkdtemp(prefix="ds-", dir="/tmp" if os.path.isdir("/tmp") else None)  # short
            settings |= {
                "include_dashboard": False,
                "object_store_memory": STORE + store,
                "_temp_dir": self._folder,
            }
        try:
            with _quiet():
                self.ray.init(address=self.address, **settings)
        except BaseException as error:
            self.close()
            if isinstance(error, Exception):
                raise _unanswered(self.address, error) from error
            raise

    def close(self) -> None:
        """Ends what was started: workers die with it."""
        with _signals(), suppress(Exception):
            self.ray.shutdown()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """What Ray says of each living node."""
        return [node for node in self.ray.nodes() if node["Alive"]]

    def name_of(self, node: str) -> str:
        """A node's name by its id: as its owner has called it, or that of the machine."""
        for row in self.ray.nodes():
            if row["NodeID"] == node:
                name, address = row.get("NodeName"), row.get("NodeManagerAddress")
                return str(name if name and name != address else row.get("NodeManagerHostname") or address)
        return node[:8]

    def lives(self, node: str) -> bool:
        """Whether a node is there still."""
        return any(row["NodeID"] == node for row in self.nodes())

    def shared_out(self, need: Need, workers: int | None) -> Share:
        """How many workers there are, with how much each. Raises `UsageError` for more than fit."""
        tables = [node["Resources"] for node in self.nodes()]
        cores = [int(table.get("CPU", 0)) for table in tables]
        gpus = [int(table.get("GPU", 0)) for table in tables]
        if need.gpu or (need.gpu is None and any(gpus)):
            return _of_gpus(cores, gpus, workers)
        if workers is not None:
            return _of_cores(cores, workers)
        memory = [int(table.get("memory", 0)) for table in tables]
        each = min(need.cores, max(cores, default=1)) or 1
        fit = [
            min(core // each, size // need.memory if need.memory and size else core)
            for core, size in zip(cores, memory, strict=True)
        ]
        return Share(max(1, sum(fit)), each)


def _of_gpus(cores: Sequence[int], gpus: Sequence[int], workers: int | None) -> Share:
    there = sum(gpus)
    if not there:
        raise UsageError("--device cuda: no node of the cluster has a GPU that Ray knows of.", "Use --device auto.")
    if workers is not None and workers > there:
        raise UsageError(
            f"--workers {workers}: the cluster has {there} GPU{'s' * (there != 1)}, and a worker takes one.",
            f"Give --workers {there}, or leave it out.",
        )
    with_gpus = [(core, gpu) for core, gpu in zip(cores, gpus, strict=True) if gpu]
    return Share(workers or there, min(1.0, *(core / gpu for core, gpu in with_gpus)), 1)


def _of_cores(cores: Sequence[int], workers: int) -> Share:
    """As many cores for each as leave room for all."""
    for each in range(max(cores, default=0), 0, -1):
        if sum(core // each for core in cores) >= workers:
            return Share(workers, each)
    raise UsageError(
        f"--workers {workers}: the cluster has {sum(cores)} cores, and a worker takes at least one.",
        f"Give --workers {sum(cores)}, or leave it out.",
    )


def _prepare(own: bool, loopback: bool) -> None:
    """Before Ray is imported: it reports nothing to its makers, and stays on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if own and "RAY_AUTH_MODE" not in os.environ:  # a key of its own, in place of one that Ray would leave in the home
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    if loopback:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")


@contextmanager
def _quiet() -> Any:
    """Ray prints on standard output, where paths go, that a worker died; it changes who hears of signals and errors."""
    worker: Any = importlib.import_module("ray._private.worker")
    worker.listen_error_messages = lambda *arguments, **names: None
    hook = sys.excepthook
    with _signals():
        yield
    sys.excepthook = hook


@contextmanager
def _signals() -> Any:
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if here and before is not None:
            signal.signal(signal.SIGTERM, before)


def _ask(address: str) -> None:
    """Whether anybody is at HOST:PORT at all: Ray itself would wait for minutes. Raises `ClusterError`."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and port.isdecimal()):
        if address == "auto":
            return
        raise UsageError(
            f"--address {address[:200]!r} is no address of a cluster.", "Give HOST:PORT, ray://HOST:PORT or auto."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWERS).close()
    except (OSError, OverflowError) as error:
        raise _unanswered(address, error) from error


def _unanswered(address: str, error: Exception) -> DiffStylerError:
    reason = " ".join(str(error).split())[:300]
    if address == LOCAL:
        return ClusterError(
            f"Ray did not start here: {reason}", "Leave --engine ray out, or run it again with --debug."
        )
    if "ray[client]" in reason:
        return UsageError("An address with ray:// needs more of Ray.", 'Install it: pip install "ray[client]"')
    if "Failed to connect" in reason:
        advice = "If it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN; it must have the same Ray."
        return ClusterError(f"{address} answers, but not as a Ray cluster that lets this process in.", advice)
    where = "No Ray cluster is found here" if address == "auto" else f"No Ray cluster answers at {address}"
    return ClusterError(f"{where}: {reason}", "Start one with ray start --head, or leave --address out.")
