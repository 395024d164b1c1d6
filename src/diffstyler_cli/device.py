"""Choosing where and how precisely to compute."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

from .errors import UsageError

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes cuda, else mps, else cpu. A named one never falls back.

    Raises:
        UsageError: the named device is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available[name]:
        raise UsageError(
            f"This machine's torch {torch.__version__} has no {name} device.",
            f"Use --device auto; available here: {', '.join(kind for kind, there in available.items() if there)}.",
        )
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype of that name for the diffusion networks; "auto" takes the fastest that is safe on `device`.

    That is bf16 on GPUs and on CPUs that compute in it natively, fp16 on MPS, else fp32.

    Raises:
        UsageError: fp16 on a CPU, where convolutions in it are emulated.
    """
    if name == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        if device.type == "mps":
            return torch.float16
        return torch.bfloat16 if native_cpu_bf16() else torch.float32
    if name == "fp16" and device.type == "cpu":
        raise UsageError("--dtype fp16 is not for CPUs.", "Use --dtype auto, fp32 or bf16.")
    return DTYPES[name]


def native_cpu_bf16() -> bool:
    """Whether this CPU multiplies bf16 natively (AVX-512 BF16 or AMX); emulated, it is many times slower than fp32."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, bool)() for check in checks)


def bf16_where_native(device: str) -> torch.autocast:
    """Autocast to bf16 on `device` ("cuda", "cpu" …), without effect on a CPU that would emulate it."""
    return torch.autocast(device, torch.bfloat16, enabled=device != "cpu" or native_cpu_bf16())


def free_memory(device: torch.device) -> int | None:
    """Bytes that may still be allocated on `device`; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        # free pages alone would leave out what the system's cache gives up on demand
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return None
