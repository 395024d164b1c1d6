"""What runs here: versions, devices and models, as plain JSON. Only `devices` imports torch."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import ART_MODELS
from ...errors import UsageError, WeightsError
from ...models.cards import CARDS
from ...models.lite.architecture import WEIGHTS
from ...roles import BY_KEY, ROLES
from ...version import __version__

if TYPE_CHECKING:
    import torch

    from ...recipe import Recipe

LARGEST_HASHED = 100 << 20
"""Bytes of a file in a user's folder that is hashed for a report."""
LIBRARIES = (
    "torch", "torchvision", "open_clip_torch", "Pillow", "numpy", "safetensors", "huggingface_hub", "rich", "diffusers",
    "transformers",
)  # fmt: skip


def versions() -> dict[str, Any]:
    """Of diffstyler, Python, the system and the libraries; None for a library that is not installed."""
    return {
        "diffstyler": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def devices() -> dict[str, Any]:
    """Every device with its memory and the dtypes that work on it (tried out), what "auto" takes, and why.

    Raises ImportError (or what a broken installation raises) where torch cannot be imported.
    """
    import torch

    from ...device import choose_device, choose_dtype, native_cpu_bf16

    cpu = {
        "name": "cpu",
        "model": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": _system_memory("SC_PHYS_PAGES"),
        "free": _system_memory("SC_AVPHYS_PAGES"),
        "dtypes": _working_dtypes(torch.device("cpu"), "fp32", "bf16"),
        "emulated": [] if native_cpu_bf16() else ["bf16"],
    }
    found = [cpu]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        facts = torch.cuda.get_device_properties(index)
        free, total = torch.cuda.mem_get_info(index)
        dtypes = _working_dtypes(torch.device("cuda", index), "fp32", "bf16", "fp16")
        found.append(
            {"name": f"cuda:{index}", "model": facts.name, "cores": facts.multi_processor_count, "memory": total,
             "free": free, "dtypes": dtypes,
             "emulated": [] if torch.cuda.is_bf16_supported(including_emulation=False) else ["bf16"]}
        )  # fmt: skip
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        free = total - torch.mps.driver_allocated_memory()
        dtypes = _working_dtypes(torch.device("mps"), "fp32", "bf16", "fp16")
        found.append(
            {"name": "mps", "model": _cpu_model(), "cores": None, "memory": total, "free": free, "dtypes": dtypes,
             "emulated": []}
        )  # fmt: skip
    device = choose_device("auto")
    dtype = str(choose_dtype("auto", device)).removeprefix("torch.")
    if device.type == "cpu":
        speed = "computes bf16 natively" if native_cpu_bf16() else "has no native bf16, which it would emulate slowly"
        why = f"torch {torch.__version__} sees no GPU, and this CPU {speed}"
    else:
        why = f"{device.type} is the fastest here, and {dtype} the fastest that is safe on it"
    return {"devices": found, "default": {"device": device.type, "dtype": dtype, "why": why}}


def lite_models(folder: Path = WEIGHTS) -> list[dict[str, Any]]:
    """The built-in components: role, path, bytes, SHA-256, day of training; bytes are None where a file is missing."""
    found = []
    for role in (each.name for each in ROLES):
        path = folder / f"{role}.safetensors"
        there = path.is_file()
        found.append(
            {
                "role": role,
                "path": str(path),
                "bytes": path.stat().st_size if there else None,
                "sha256": _sha256(path) if there else None,
                "trained": _trained(path) if there else None,
            }
        )
    return found


def full_models() -> dict[str, Any]:
    """The full-size components, where each is or could be had from, and the cache. Nothing is hashed or fetched.

    Raises:
        UsageError: the user's configuration cannot be used.
    """
    from ...weights.cache import Cache
    from ...weights.settings import read_settings

    settings = read_settings()
    cache = Cache(settings.cache)
    components = []
    for component in settings.components():
        given = settings.paths.get(component.key)
        entry = cache.find(component.key)
        usable = entry is not None and component.accepts(entry.source_sha256)
        path = given if given is not None else entry.path if entry is not None and usable else None
        there = path is not None and path.is_file()
        components.append(
            {
                "key": component.key,
                "role": BY_KEY[component.key].name,
                "name": component.name,
                "state": ("given" if given is not None else "cached") if there else "missing",
                "path": None if path is None else str(path),
                "bytes": path.stat().st_size if path is not None and there else None,
                "sha256": entry.source_sha256 if entry is not None and usable and given is None else None,
                "source": entry.source if entry is not None and usable else str(component.sources[0]),
                "download": component.size,
                "licence": component.licence,
            }
        )
    held = sum(file.stat().st_size for file in settings.cache.rglob("*") if file.is_file())
    kept = [file.stat().st_size for file in settings.free_diffusion.glob("*.safetensors") if file.is_file()]
    return {
        "components": components,
        "cache": {
            "path": str(settings.cache),
            "bytes": held,
            "free": cache.free(),
            "free_diffusion": {"path": str(settings.free_diffusion), "files": len(kept), "bytes": sum(kept)},
        },
    }


def missing(facts: dict[str, Any]) -> dict[str, Any]:
    """Of the facts above: the set that "auto" takes, the components that are missing, and what to do next.

    Raises:
        UsageError: the user's configuration cannot be used.
    """
    from ...models.choose import choose
    from ...weights.settings import read_settings

    lite = [model["role"] for model in facts["models"]["lite"] if model["bytes"] is None]
    full = [part["key"] for part in facts["models"].get("full", []) if part["state"] == "missing"]
    choice = choose(read_settings())
    full = [key for key in full if key != "art" or choice.art is None]
    return {
        "auto": choice.set,
        "art_role": choice.art_model,
        "missing": {"lite": lite, "full": full},
        "next": "diffstyler download" if full else None,
    }


def networks() -> list[dict[str, Any]]:
    """Every diffusion network that the package knows how to run."""
    return [dataclasses.asdict(card) for card in CARDS]


def other_networks() -> list[dict[str, Any]]:
    """Networks of others: known by name, in the cache, or offered by a package.

    Raises:
        UsageError: the user's configuration cannot be used.
    """
    from ...models.foreign.listing import listed
    from ...weights.cache import Cache
    from ...weights.settings import read_settings

    return listed(Cache(read_settings().cache))


def local_hashes(recipe: Recipe) -> dict[str, str]:
    """SHA-256 of this machine's models by role, as recipes record them; roles that cannot be known are left out.

    Raises:
        UsageError: the user's configuration cannot be used.
    """
    settings = recipe.settings
    found: dict[str, str] = {}
    if recipe.model_set == "full":
        found = {model["role"]: model["sha256"] for model in full_models()["components"] if model["sha256"]}
    if recipe.model_set == "lite":
        found = _lite_hashes()
    elif settings.get("loss_models") == "lite":
        found |= {role: digest for role, digest in _lite_hashes().items() if role not in ("photo", "art")}
    photo, art = settings.get("photo_model"), settings.get("art_model")
    if art == "cc12m":
        found["art"] = found.get("photo", "")
    elif art == "lite":
        found["art"] = _lite_hashes().get("art", "")
    for role, name in (("photo", photo), ("art", None if art in ART_MODELS else art)):
        if name is not None:
            found.pop(role, None)
            found |= _hashes_of(role, name)
    return {role: digest for role, digest in found.items() if digest}


def _lite_hashes() -> dict[str, str]:
    paths = {role: WEIGHTS / f"{role}.safetensors" for role in (each.name for each in ROLES)}
    return {role: _sha256(path) for role, path in paths.items() if path.is_file()}


def _hashes_of(role: str, name: str) -> dict[str, str]:
    """Of a network of others and what comes with it, where it is on this machine."""
    from ...models.foreign.names import find_foreign
    from ...weights.settings import read_settings

    try:
        foreign = find_foreign(name, "photo" if role == "photo" else "art", read_settings())
    except (UsageError, WeightsError):  # not here, or no longer what it was
        return {}
    roles = {"unet": role, "text_encoder": "text" if role == "photo" else "art-text"}
    roles |= {"vae": "codec"} if role == "photo" else {}
    return {roles[part]: digest for part, digest in foreign.hashes(LARGEST_HASHED).items() if part in roles}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _trained(path: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return (file.metadata() or {}).get("trained")
    except (OSError, SafetensorError):
        return None


def _working_dtypes(device: torch.device, *names: str) -> list[str]:
    """Those of `names` in which a small convolution comes out right on `device`."""
    import torch

    from ...device import DTYPES

    def works(dtype: torch.dtype) -> bool:
        try:
            one = torch.ones(1, 1, 4, 4, device=device, dtype=dtype)
            return float(torch.nn.functional.conv2d(one, one[..., :2, :2]).float().sum()) == 36.0
        except RuntimeError:  # the device's library lacks it
            return False

    return [name for name in names if works(DTYPES[name])]


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _system_memory(name: str) -> int | None:
    sysconf: Callable[[str], int] | None = getattr(os, "sysconf", None)
    try:
        return None if sysconf is None else sysconf(name) * sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not every system has every name
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
