"""What `--engine`, `--address` and `--workers` ask for."""

from __future__ import annotations

from dataclasses import dataclass

from ....errors import UsageError
from ....naming import cut
from ...options import whole

LOCAL, RAY = "local", "ray"
MOST_WORKERS = 100_000


@dataclass(frozen=True)
class ClusterRequest:
    """Which cluster, None for the one that is found or started; and how many workers, None for as many as fit."""

    address: str | None = None
    workers: int | None = None

    def words(self) -> list[str]:
        """On a command line."""
        address = [] if self.address is None else ["--address", self.address]
        workers = [] if self.workers is None else ["--workers", str(self.workers)]
        return ["--engine", RAY, *address, *workers]


def cluster_of(engine: str | None, address: str | None, workers: str | None) -> ClusterRequest | None:
    """What the options ask for; None for this process. Raises `UsageError` for what is none, or has no effect."""
    if engine not in (None, LOCAL, RAY):
        raise UsageError(f"--engine {cut(str(engine))} is no engine.", f"Give {LOCAL} or {RAY}.")
    if engine != RAY:
        for flag, value in (("--address", address), ("--workers", workers)):
            if value is not None:
                raise UsageError(
                    f"{flag} has no effect without --engine {RAY}.", f"Add --engine {RAY}, or leave it out."
                )
        return None
    if address is not None and not address.strip():
        raise UsageError("--address is empty.", "Give HOST:PORT, ray://HOST:PORT or auto.")
    count = None if workers is None else whole("--workers", workers, low=1, high=MOST_WORKERS, example=4)
    return ClusterRequest(address, count)
