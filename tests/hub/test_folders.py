"""Folders in diffusers' format: read as the library reads them, and what is hostile or strange in them refused."""

from __future__ import annotations

import json
import resource
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from folders import LENGTH, WIDTH
from hub_world import Folders, HubWorld
from safetensors.torch import load_file, save_file

from diffstyler_cli.errors import DiffStylerError, WeightsError
from diffstyler_cli.models.choose import choose
from diffstyler_cli.models.codec import LatentCodec
from diffstyler_cli.models.foreign.configs import read_config
from diffstyler_cli.models.foreign.folder import NetworkFolder, read_folder
from diffstyler_cli.models.foreign.load import Pair, load_pair
from diffstyler_cli.weights.settings import Settings

WEIGHTS = "diffusion_pytorch_model.safetensors"


def loaded(folder: Path, photo: Path | None = None) -> Pair:
    """A folder in the art role beside a photo network, or of the built-in set."""
    settings = Settings(folder.parent / "no-cache")
    if photo is None:
        choice = choose(settings, "lite", str(folder))
    else:
        choice = choose(settings, "full", str(folder), photo_model=str(photo))
    return load_pair(choice, torch.device("cpu"), torch.float32)


def edit(path: Path, **changes: Any) -> None:
    """Changes keys of a configuration; those that are None go."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    """Changes the tensors of a safetensors file."""
    save_file(change(load_file(path)), path, {"format": "pt"})


# --- as the library reads them ---------------------------------------------------------------------------------------
def test_facts_of_a_pixel_network_and_of_a_latent_one(saved: Folders) -> None:
    pixels, latents = read_folder(saved.pixels), read_folder(saved.latents)
    assert (pixels.space, pixels.native_size, pixels.multiple, pixels.factor) == ("pixels", 32, 2, 1)
    assert (pixels.prediction, pixels.conditional, pixels.cond_width) == ("epsilon", False, None)
    assert latents.space == "latents of 4 channels, scale 0.18215"
    assert (latents.native_size, latents.multiple, latents.factor, latents.cond_width) == (64, 2, 8, WIDTH)
    assert set(latents.parts) == {"unet", "vae", "text_encoder"}
    assert read_folder(saved.latents / "unet").path == saved.latents, "the U-Net's folder stands for the pipeline"


def test_the_velocity_is_that_of_the_librarys_own_network(saved: Folders) -> None:
    from diffusers import DDPMPipeline

    pipeline = DDPMPipeline.from_pretrained(saved.pixels)
    network = loaded(saved.pixels).art.network
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for step in (0, 400, 999):
        alpha = pipeline.scheduler.alphas_cumprod[step].sqrt()
        sigma = (1 - pipeline.scheduler.alphas_cumprod[step]).sqrt()
        with torch.no_grad():
            eps = pipeline.unet(x, step).sample
            v = network(x, torch.tensor([network.time(step)] * 2))
        torch.testing.assert_close(v, (eps - sigma * x) / alpha, atol=1e-4, rtol=1e-4)


def test_text_and_latents_are_those_of_the_librarys_own_pipeline(saved: Folders) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(
        saved.latents, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pair = loaded(saved.fine_tune, saved.latents)
    conditioner = pair.photo.network.conditioner
    text, nothing = pipeline.encode_prompt("oil paint in paint", torch.device("cpu"), 1, True)
    assert conditioner.shape == (LENGTH, WIDTH)
    ours = conditioner.encode(["oil paint in paint", ""])
    torch.testing.assert_close(ours[:1], text)
    torch.testing.assert_close(ours[1:], nothing)
    assert pair.art.network.conditioner is not conditioner, "a fine-tune may have changed its text encoder"

    codec, pixels = pair.photo.codec, torch.rand(1, 3, 64, 64) * 2 - 1
    assert isinstance(codec, LatentCodec)
    with torch.no_grad():
        mean = pipeline.vae.encode(pixels).latent_dist.mean
        torch.testing.assert_close(codec.encode(pixels), mean * pipeline.vae.config.scaling_factor)
        torch.testing.assert_close(codec.decode(mean * 0.18215), pipeline.vae.decode(mean).sample, atol=1e-4, rtol=1e-4)
        x, timestep = torch.randn(1, 4, 8, 8), torch.tensor([500])
        ours = pair.photo.network.network(x, timestep, text)
        torch.testing.assert_close(ours, pipeline.unet(x, timestep, encoder_hidden_states=text).sample)


@pytest.mark.slow
def test_the_vocabulary_of_clip_gives_the_tokens_of_clip(folders: Folders) -> None:
    """As Stable Diffusion's tokenizer lies on the Hub, its special tokens written as in 2022."""
    import gzip

    from open_clip import SimpleTokenizer
    from open_clip import tokenizer as theirs
    from transformers import CLIPTextConfig, CLIPTextModel

    clip, place = SimpleTokenizer(), folders.latents / "tokenizer"
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    lines = gzip.decompress(Path(theirs.__file__).with_name("bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode()
    merges = lines.split("\n")[1 : len(clip.encoder) - 512 - 1]
    (place / "vocab.json").write_text(json.dumps({names.get(token, token): n for token, n in clip.encoder.items()}))
    (place / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    special = {"__type": "AddedToken", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    edit(place / "tokenizer_config.json", bos_token=special | {"content": "<|startoftext|>"}, pad_token="<|endoftext|>",
         eos_token=special | {"content": "<|endoftext|>"}, unk_token=special | {"content": "<|endoftext|>"},
         do_lower_case=True, errors="replace", add_prefix_space=False)  # fmt: skip
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(clip.encoder), hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=LENGTH,
        )
    ).save_pretrained(folders.latents / "text_encoder", safe_serialization=True)  # fmt: skip
    tokenizer = loaded(folders.fine_tune, folders.latents).photo.network.conditioner.tokenizer
    texts = ["oil painting", "Ukiyo-e WOODBLOCK print, misty!", "", "peinture à l'huile"]
    ours = tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True).input_ids
    for own, expected in zip(ours, clip(texts, LENGTH).tolist(), strict=True):
        end = expected.index(49407) + 1
        assert own[:end] == expected[:end]
        assert set(own[end:]) <= {49407}, "filled up with the end, as Stable Diffusion was trained"


def test_a_tiny_decoder_beside_the_autoencoder_is_what_the_losses_look_through(folders: Folders) -> None:
    from diffusers import AutoencoderTiny

    torch.manual_seed(0)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4, num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4, latent_channels=4,
    )  # fmt: skip
    tiny.save_pretrained(folders.latents / "vae_tiny", safe_serialization=True)
    codec = loaded(folders.fine_tune, folders.latents).photo.codec
    latents = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(codec.look(latents), tiny.decode(latents).sample)
        assert codec.decode(latents).shape == (1, 3, 64, 64)
    edit(folders.latents / "vae_tiny" / "config.json", latent_channels=16)
    with pytest.raises(WeightsError, match="does not hold the weights of its configuration"):
        loaded(folders.fine_tune, folders.latents)


def test_names_of_older_files_are_understood(folders: Folders) -> None:
    """Networks of 2022, `wikiart-ddpm` among them, call the parts of their attention query, key, value, proj_attn."""
    before = {name: tensor.clone() for name, tensor in load_file(folders.pixels / WEIGHTS).items()}
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def renamed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = {}
        for name, tensor in state.items():
            for new, old in older.items():
                name = name.replace(f".{new}.", f".{old}.")
            found[name] = tensor
        return found

    rewrite(folders.pixels / WEIGHTS, renamed)
    assert any(".query." in name for name in load_file(folders.pixels / WEIGHTS))
    unet = loaded(folders.pixels).art.network.network.unet
    for name, tensor in unet.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_the_text_encoder_of_an_older_pipeline_is_understood(folders: Folders) -> None:
    """Files of before transformers 5 have another prefix, and the numbers of the places among the weights."""
    file = folders.latents / "text_encoder" / "model.safetensors"
    before = loaded(folders.fine_tune, folders.latents).photo.network.conditioner.encode(["oil paint"])
    places = {"text_model.embeddings.position_ids": torch.arange(LENGTH)[None]}
    rewrite(file, lambda state: {f"text_model.{name.removeprefix('text_model.')}": t for name, t in state.items()})
    rewrite(file, lambda state: state | places)
    after = loaded(folders.fine_tune, folders.latents).photo.network.conditioner.encode(["oil paint"])
    assert torch.equal(before, after)


def test_networks_in_half_precision_are_read_where_there_are_no_others(folders: Folders) -> None:
    full = folders.latents / "unet" / WEIGHTS
    rewrite(full, lambda state: {name: tensor.half() for name, tensor in state.items()})
    full.rename(full.with_name("diffusion_pytorch_model.fp16.safetensors"))
    network = loaded(folders.fine_tune, folders.latents).photo.network
    assert {p.dtype for p in network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"prediction_type": "v_prediction"}, 1000),
        ({"prediction_type": "sample", "num_train_timesteps": 100, "beta_schedule": "squaredcos_cap_v2"}, 100),
        ({"trained_betas": [0.01 * k for k in range(1, 21)]}, 20),
        ({"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}, 1000),
        ({"_class_name": "DPMSolverMultistepScheduler", "steps_offset": 1}, 1000),
    ],
)
def test_the_table_of_noise_is_that_of_the_scheduler(folders: Folders, changes: dict[str, Any], count: int) -> None:
    from diffusers import DDPMScheduler

    file = folders.pixels / "scheduler_config.json"
    edit(file, **changes)
    network = loaded(folders.pixels).art.network
    theirs = DDPMScheduler.from_config(json.loads(file.read_text())).alphas_cumprod
    assert len(network.table.times) == len(theirs) == count
    torch.testing.assert_close(network.table.signal[:-1], theirs.double()[:-1])
    assert network.prediction == changes.get("prediction_type", "epsilon")
    v = network(torch.zeros(1, 3, 32, 32), torch.tensor(0.9))
    assert v.isfinite().all()


# --- by structure ----------------------------------------------------------------------------------------------------
BEDROOM = {
    "_class_name": "UNet2DModel", "act_fn": "silu", "attention_head_dim": None,
    "block_out_channels": [128, 128, 256, 256, 512, 512], "center_input_sample": False,
    "down_block_types": [*["DownBlock2D"] * 4, "AttnDownBlock2D", "DownBlock2D"], "downsample_padding": 0,
    "flip_sin_to_cos": False, "freq_shift": 1, "in_channels": 3, "layers_per_block": 2, "mid_block_scale_factor": 1,
    "norm_eps": 1e-06, "norm_num_groups": 32, "out_channels": 3, "sample_size": 256,
    "time_embedding_type": "positional", "up_block_types": ["UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4],
}  # fmt: skip
"""The published configuration of the network that `wikiart-ddpm` is a fine-tune of."""
SD15 = {
    "_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": False, "cross_attention_dim": 768,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"], "downsample_padding": 1, "freq_shift": 0,
    "flip_sin_to_cos": True, "in_channels": 4, "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05,
    "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
}  # fmt: skip
VAE = {
    "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512], "in_channels": 3,
    "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3, "sample_size": 512,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip
TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
        "max_position_embeddings": 77, "vocab_size": 49408, "architectures": ["CLIPTextModel"]}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "numbers"), [(BEDROOM, 113_673_219), (SD15, 859_520_964), (VAE, 83_653_863), (TEXT, 123_060_480)]
)
def test_the_published_configurations_are_within_bounds_and_as_large_as_their_files(
    tmp_path: Path, config: dict[str, Any], numbers: int
) -> None:
    """455 MB, 3.44 GB, 335 MB and 492 MB, as the Hub's pages list them: four bytes a number."""
    diffusers = pytest.importorskip("diffusers", reason="needs diffusers")
    transformers = pytest.importorskip("transformers", reason="needs diffusers")
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_config(tmp_path / "config.json") == config
    with torch.device("meta"):
        if "_class_name" in config:
            module = getattr(diffusers, config["_class_name"]).from_config(config)
        else:
            module = transformers.CLIPTextModel(transformers.CLIPTextConfig(**config))
    assert sum(p.numel() for p in module.parameters()) == numbers


# --- hostile and strange ---------------------------------------------------------------------------------------------
def config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "unet" / "config.json", **changes)


def scheduler(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "scheduler" / "scheduler_config.json", **changes)


def content(file: str, data: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / file).write_bytes(data)

    return write


def tensors(file: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / file, change)


def pickles_only(folder: Path) -> None:
    weights = folder / "unet" / WEIGHTS
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()


def cut_off(folder: Path) -> None:
    weights = folder / "unet" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])


def without_first(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(list(state.items())[1:])


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a billion channels": (config(block_out_channels=[8, 10**9]), "is the most"),
    "a billion layers": (config(layers_per_block=10**9), "is the most"),
    "a thousand blocks": (config(down_block_types=["DownBlock2D"] * 1000), "has 1,000 values"),
    "wider than its file": (config(block_out_channels=[8192, 8192], norm_num_groups=4), "not 8192"),
    "deeper than its file": (config(layers_per_block=9), "does not hold the weights of its configuration"),
    "a number that is none": (config(norm_eps=float("nan")), "is the most"),
    "a list in the place of a number": (config(in_channels=[4]), "in_channels is"),
    "no list of channels": (config(block_out_channels=8), "no list block_out_channels"),
    "another class": (config(_class_name="UNetMotionModel"), "what can be read is UNet2DModel"),
    "code of its own": (config(_class_name=["my_code.py", "MyUNet"]), "what can be read is"),
    "an unknown block": (config(down_block_types=["EvalBlock", "DownBlock2D"]), "cannot be read as"),
    "SDXL's further conditions": (config(addition_embed_type="text_time"), "takes more than a text"),
    "learnt variances": (config(out_channels=8), "there must be as many"),
    "an inpainting network": (config(in_channels=9, out_channels=4), "there must be as many"),
    "deep nesting": (content("unet/config.json", b'{"a":' * 100_000), "is no JSON"),
    "no table": (content("unet/config.json", b"[1, 2]"), "is no table"),
    "a web page": (content("unet/config.json", b"<!DOCTYPE html>"), "is no JSON"),
    "a huge configuration": (content("unet/config.json", b'{"a": "' + b"x" * 2_000_000 + b'"}'), "bytes"),
    "a web page as weights": (content(f"unet/{WEIGHTS}", b"<!DOCTYPE html><html></html>"), "no safetensors file"),
    "a header longer than the file": (
        content(f"unet/{WEIGHTS}", struct.pack("<Q", 2**60) + b'{"a"'),
        "header is longer than the file",
    ),
    "weights that end too early": (cut_off, "is damaged"),
    "pickles only": (pickles_only, "is a pickle, which can hold any program"),
    "a tensor missing": (tensors(f"unet/{WEIGHTS}", without_first), "asks for"),
    "a tensor too many": (
        tensors(f"unet/{WEIGHTS}", lambda state: state | {"conv_in.more": torch.zeros(3)}),
        "unexpected: conv_in.more",
    ),
    "a tensor of another name": (
        tensors(f"unet/{WEIGHTS}", lambda s: {("other" if n == "conv_in.bias" else n): t for n, t in s.items()}),
        "missing: conv_in.bias",
    ),
    "a tensor of another shape": (
        tensors(f"unet/{WEIGHTS}", lambda state: state | {"conv_in.bias": torch.zeros(16)}),
        "conv_in.bias is 16, not 8",
    ),
    "kernels of its own": (config(quantization_config={"quant_method": "x"}), "asks for code"),
    "remote code": (
        lambda folder: edit(folder / "text_encoder" / "config.json", auto_map={"AutoModel": "code.Model"}),
        "asks for code",
    ),
    "flow matching": (scheduler(_class_name="FlowMatchEulerDiscreteScheduler"), "what can be read is"),
    "an unknown prediction": (scheduler(prediction_type="flow_prediction"), "prediction_type"),
    "an unknown schedule": (scheduler(beta_schedule="exec"), "beta_schedule"),
    "no noise at all": (scheduler(beta_start=0.0), "beta_start and beta_end"),
    "a billion timesteps": (scheduler(num_train_timesteps=10**9), "is the most"),
    "betas that are none": (scheduler(trained_betas=["x"] * 10), "trained_betas"),
    "a text encoder that does not fit": (config(cross_attention_dim=24), "makes rows of"),
    "an autoencoder that does not fit": (
        lambda folder: edit(folder / "vae" / "config.json", latent_channels=16), "the latents of its autoencoder have"
    ),
    "an autoencoder without factor": (
        lambda folder: edit(folder / "vae" / "config.json", block_out_channels="x"), "no list block_out_channels"
    ),
    "a tokenizer with more words": (
        lambda folder: edit(folder / "text_encoder" / "config.json", vocab_size=10), "token_embedding.weight is"
    ),
    "a tokenizer that is none": (content("tokenizer/vocab.json", b"[]"), "cannot be read as CLIPTokenizer"),
    "no scheduler": (lambda folder: (folder / "scheduler" / "scheduler_config.json").unlink(), "no scheduler_config"),
    "nothing": (lambda folder: (folder / "unet" / "config.json").unlink(), "not in diffusers' format"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_strange_folder_is_refused_in_two_lines(folders: Folders, what: str) -> None:
    spoil, message = HOSTILE[what]
    spoil(folders.latents)
    with pytest.raises(DiffStylerError) as caught:
        loaded(folders.fine_tune, folders.latents)
    assert isinstance(caught.value, WeightsError)
    assert message in caught.value.message.lower() or message in caught.value.message
    assert "\n" not in caught.value.message + caught.value.advice
    assert len(caught.value.message) < 700
    assert caught.value.advice


def test_the_command_line_says_it_with_exit_code_4(world: HubWorld, folders: Folders) -> None:
    HOSTILE["a billion channels"][0](folders.latents)
    outcome = world.run("stylize", "photo.png", "oil", "--photo-model", "./latents", "--art-model", "./fine-tune")
    assert outcome.code == 4
    assert len(outcome.err.splitlines()) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_what_asks_for_more_than_its_file_holds_allocates_nothing(folders: Folders) -> None:
    HOSTILE["wider than its file"][0](folders.latents)  # 30 GB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match="not 8192"):
        loaded(folders.fine_tune, folders.latents)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def test_a_pickle_beside_safetensors_is_never_opened(folders: Folders) -> None:
    (folders.pixels / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'false'\ntR.")
    assert isinstance(read_folder(folders.pixels), NetworkFolder)
    assert loaded(folders.pixels).art is not None
