"""Free diffusion kept in files, so that another prompt on the same photo costs only the sampling.

No prompt, λ or seed is in free diffusion: its ends are the same for every picture of a photo with the same settings. A
file has those of all passes, as they are, and is named by all that they depend on to the last bit. States on the way
are not kept, so neither is a run with a mask, which needs them.

No file is worth a run: one that is damaged is removed, and what else goes wrong is for the log.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import stat
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..config import StylizeConfig
from ..version import __version__
from ..weights.digest import sha256_of_tensors
from .sampling import Networks
from .subject import Subject

LOG = logging.getLogger("diffstyler_cli")
SCHEMA = "1"
"""Of the files; to be raised when free diffusion computes something else."""
MOST = 512 << 20
"""Bytes of all files together: those not used for the longest time are removed first."""
OURS = re.compile(r"[0-9a-f]{64}\.safetensors|\.[0-9a-f]{64}-\w+")
"""Names of files, and of those that are being written."""
LEFT_OVER = 3600.0
"""Seconds after which nobody is still writing a file."""
FAULTS = (OSError, ValueError, RuntimeError, SafetensorError)


class KeptEnds:
    """The ends of one free diffusion, one a pass, in a file of `folder`; which need not be there, nor the folder.

    Args:
        key: of all that they depend on, 64 hexadecimal digits.
        shapes: those of the ends.
    """

    def __init__(self, folder: Path, key: str, shapes: Sequence[torch.Size]) -> None:
        self.folder = folder
        self.path = folder / f"{key}.safetensors"
        self._key = key
        self._shapes = list(shapes)

    def find(self, device: torch.device) -> list[Tensor] | None:
        """What was kept; None where nothing was. The file's time is that of its last use."""
        try:
            ends = self._read()
        except FileNotFoundError:
            return None
        except FAULTS as error:
            LOG.debug("kept free diffusion: %s: %s: %s", self.path, type(error).__name__, error)
            with suppress(OSError, ValueError):
                self.path.unlink()
            return None
        with suppress(OSError):
            os.utime(self.path)
        LOG.debug("free diffusion is taken from %s", self.path)
        return [end.to(device) for end in ends]

    def _read(self) -> list[Tensor]:
        """Raises ValueError and such for a file that was not written by `keep`, or has changed since."""
        status = self.path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST:  # a pipe would be waited for
            raise ValueError("no regular file, or too large")
        with safe_open(self.path, "pt") as file:
            facts = file.metadata() or {}
            state = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - it is no dict
        layouts = facts.get("layouts", "").split()
        known = {"key": facts.get("key"), "sha256": facts.get("sha256")}
        if known != {"key": self._key, "sha256": sha256_of_tensors(state)} or len(layouts) != len(self._shapes):
            raise ValueError("damaged, or another's")
        ends = [state[str(number)] for number in range(len(layouts)) if str(number) in state]
        if [end.shape for end in ends] != self._shapes:
            raise ValueError("of other sizes")
        last = [layout == "channels_last" for layout in layouts]
        return [_channels_last(end) if changed else end for end, changed in zip(ends, last, strict=True)]

    def keep(self, ends: Sequence[Tensor]) -> None:
        """Keeps them, and removes what is too much; where that cannot be, nothing happens."""
        # sums over a tensor depend to the last bit on how it lies in memory
        layouts = ["contiguous" if end.is_contiguous() else "channels_last" for end in ends]
        state = {str(number): end.detach().cpu().contiguous() for number, end in enumerate(ends)}
        facts = {"key": self._key, "sha256": sha256_of_tensors(state), "layouts": " ".join(layouts)}
        try:
            data = save(state, facts)
            if len(data) > MOST:
                return
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room(MOST - len(data))
            self._write(data)
        except FAULTS as error:
            LOG.debug("free diffusion is not kept: %s: %s", type(error).__name__, error)

    def _write(self, data: bytes) -> None:
        """Whole or not at all, for this user alone to read: the photo can be had back from it."""
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=f".{self._key}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(name, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise

    def _make_room(self, most: int) -> None:
        """Removes files until those that are left have `most` bytes; other processes may do the same."""
        rows: list[tuple[float, int, str]] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        facts = entry.stat(follow_symlinks=False)
                        rows.append((facts.st_mtime, facts.st_size, entry.path))
        total, now = sum(size for _, size, _ in rows), time.time()
        for used, size, path in sorted(rows):
            half_done = Path(path).name.startswith(".")
            if now - used > LEFT_OVER if half_done else total > most:
                with suppress(OSError):
                    os.unlink(path)
                    total -= size


def kept_ends(folder: Path, networks: Networks, subjects: Sequence[Subject], config: StylizeConfig) -> KeptEnds | None:
    """Where the ends of `run_free` for these arguments are kept in `folder`; None for those that cannot be.

    Those are: with a mask; of a photo network whose weights nobody has named; and once fp16 has overflowed, as from
    then on a network computes otherwise.
    """
    photo, info = networks.parts.photo, networks.parts.info.get("photo")
    masked = any(subject.ground.masked for subject in subjects)
    if masked or networks.overflowed or info is None or not info.sha256 or not photo.parameter_count:
        return None
    facts = {
        "schema": SCHEMA,
        "version": [__version__, torch.__version__],
        "machine": _machine(networks.device),
        "dtype": str(networks.dtype),
        "network": [info.name, info.sha256, photo.digest()],
        # what the networks see: photo, frame, transparency, size, padding and codec are all in it
        "photo": [sha256_of_tensors({"x0": subject.x0}) for subject in subjects],
        "space": networks.parts.codec.factor,
        "steps": [config.pass_steps(number) for number in range(len(subjects))],
        "t1": config.t1_steps(),
        "way": [config.solver, config.round_trip, config.tile],
    }
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return KeptEnds(folder, key, [subject.x0.shape for subject in subjects])


def _machine(device: torch.device) -> list[object]:
    """What rounding depends on."""
    if device.type == "cuda":
        tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        return ["cuda", torch.cuda.get_device_name(device), torch.version.cuda, torch.backends.cudnn.version(), *tf32]
    cpu = [platform.machine(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()]
    return [device.type, *cpu]


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
