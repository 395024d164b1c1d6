"""Tiny networks in diffusers' own format, randomly initialised: what is shaped like `wikiart-ddpm` and like `sd15`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

LENGTH = 16
"""Tokens that the tiny text encoder takes."""
WIDTH = 16
"""Numbers a token."""


def save_pixels(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """An unconditional pixel network as `wikiart-ddpm` lies on the Hub: everything beside model_index.json."""
    from diffusers import DDPMScheduler, UNet2DModel

    torch.manual_seed(seed)
    settings: dict[str, Any] = {
        "sample_size": 32, "in_channels": 3, "out_channels": 3, "layers_per_block": 1, "block_out_channels": (8, 8),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": 4, "attention_head_dim": 4, "downsample_padding": 0, "flip_sin_to_cos": False,
        "freq_shift": 1, "norm_eps": 1e-6,
    }  # fmt: skip
    UNet2DModel(**settings | changes).save_pretrained(folder, safe_serialization=True)
    DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear").save_config(folder)
    index = {"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"],
             "scheduler": ["diffusers", "DDPMScheduler"]}  # fmt: skip
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def save_latents(folder: Path, seed: int = 0, scale: float = 0.18215, channels: int = 4, **changes: Any) -> Path:
    """A text-conditioned latent network with autoencoder, text encoder and tokenizer, laid out as `sd15` is."""
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    settings: dict[str, Any] = {
        "sample_size": 8, "in_channels": channels, "out_channels": channels, "layers_per_block": 1,
        "block_out_channels": (8, 16), "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "cross_attention_dim": WIDTH, "norm_num_groups": 4,
        "attention_head_dim": 4,
    }  # fmt: skip
    UNet2DConditionModel(**settings | changes).save_pretrained(folder / "unet", safe_serialization=True)
    AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=channels, block_out_channels=(8, 8, 8, 8), layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, norm_num_groups=4,
        scaling_factor=scale, sample_size=64,
    ).save_pretrained(folder / "vae", safe_serialization=True)  # fmt: skip
    PNDMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
        skip_prk_steps=True, set_alpha_to_one=False,
    ).save_config(folder / "scheduler")  # fmt: skip
    vocabulary, merges = words()
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocabulary), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=LENGTH, bos_token_id=vocabulary["<|startoftext|>"],
            eos_token_id=vocabulary["<|endoftext|>"], pad_token_id=vocabulary["<|endoftext|>"],
        )
    ).save_pretrained(folder / "text_encoder", safe_serialization=True)  # fmt: skip
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "tokenizer" / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH})
    )
    index = {
        "_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
    }  # fmt: skip
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def words() -> tuple[dict[str, int], list[str]]:
    """A vocabulary of the letters and a few merges, as CLIP's is of bytes."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    merges = ["o i", "oi l</w>", "p a", "i n", "in t", "pa int"]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["".join(pair.split()) for pair in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}, merges
