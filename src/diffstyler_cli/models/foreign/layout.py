"""Which files a folder or repository in diffusers' format has: names alone, so that it can be asked of the Hub too."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import WeightsError

WEIGHTS = "diffusion_pytorch_model"
TEXT_WEIGHTS = "model"
TOKENIZER = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def needed(paths: Iterable[str]) -> list[str]:
    """The files of a repository that running it takes: of each module the configuration and one safetensors file.

    Raises:
        WeightsError: it is not in diffusers' format, or has pickles only.
    """
    there = set(paths)
    root = root_of(there)
    wanted = [name for name in ("model_index.json",) if name in there]
    wanted += [f"{root}config.json", weights_of(there, root, WEIGHTS)]
    wanted += [scheduler_of(there)]
    if "vae/config.json" in there:
        wanted += ["vae/config.json", weights_of(there, "vae/", WEIGHTS)]
        if "vae_tiny/config.json" in there:
            wanted += ["vae_tiny/config.json", weights_of(there, "vae_tiny/", WEIGHTS)]
    if "text_encoder/config.json" in there:
        wanted += ["text_encoder/config.json", weights_of(there, "text_encoder/", TEXT_WEIGHTS)]
        tokenizer = [f"tokenizer/{name}" for name in TOKENIZER if f"tokenizer/{name}" in there]
        if not {"tokenizer/vocab.json", "tokenizer/merges.txt"} <= set(tokenizer) and (
            "tokenizer/tokenizer.json" not in tokenizer
        ):
            raise _strange("it has a text encoder and no tokenizer/vocab.json and merges.txt")
        wanted += tokenizer
    return wanted


def root_of(there: set[str]) -> str:
    """The folder of the network, "" where it is the whole one."""
    if "unet/config.json" in there:
        return "unet/"
    if "config.json" in there:
        return ""
    raise _strange("it has neither unet/config.json nor config.json, so it is not in diffusers' format")


def weights_of(there: set[str], folder: str, stem: str) -> str:
    """The file of weights of a module: safetensors, as fp16 only where there is no other."""
    for name in (f"{stem}.safetensors", f"{stem}.fp16.safetensors"):
        if f"{folder}{name}" in there:
            return f"{folder}{name}"
    here = sorted(path for path in there if path.rpartition("/")[0] == folder.rstrip("/"))
    if any(path.endswith(".safetensors.index.json") for path in here):
        raise _strange(f"the weights of {folder or 'it'} are in several files, which only networks of another kind are")
    pickles = [path for path in here if path.endswith((".bin", ".pt", ".pth", ".ckpt"))]
    if pickles:
        raise WeightsError(
            f"{pickles[0]} is a pickle, which can hold any program, and there is no {folder}{stem}.safetensors.",
            "Take a revision that has safetensors, such as @refs/pr/1, or save it with diffusers' save_pretrained.",
        )
    raise _strange(f"there is no {folder}{stem}.safetensors")


def scheduler_of(there: set[str]) -> str:
    for name in ("scheduler/scheduler_config.json", "scheduler_config.json"):
        if name in there:
            return name
    raise _strange("there is no scheduler_config.json, which says what it was trained to predict, and at which noise")


def _strange(why: str) -> WeightsError:
    return WeightsError(f"{why[:1].upper()}{why[1:]}.", "docs/networks.md says what a folder must hold.")
