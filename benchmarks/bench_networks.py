"""What networks of others cost: `python benchmarks/bench_networks.py [count|loop|memory]`; needs the extra `diffusers`.

count   FLOP of one step with two U-Nets of Stable Diffusion 1.5's shape at 512 x 512, and what a gradient keeps in
        memory. Nothing is computed (meta tensors): seconds, exact.
loop    diffusers' own loop and ours on one random network, by turns in one run: the ratio is what adapter, codec and
        solver add.
memory  the same step on the CPU with random weights, each part in a process of its own: its peak. Minutes, 16 GB.

Without a word: count and loop. Prints, asserts nothing.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from diffstyler_cli.diffusion.dual import batched_cfg
from diffstyler_cli.diffusion.solvers import integrate
from diffstyler_cli.models.cards import NetworkCard
from diffstyler_cli.models.codec import LatentCodec
from diffstyler_cli.models.discrete import AdaptedNetwork

LATENTS, WORDS = (4, 64, 64), (77, 768)
SD15: dict[str, Any] = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4, "sample_size": 512,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
SCALE = 0.18215
GIB = 2**30
HALF, FULL, SHARE = 165, 82, 0.35
"""TFLOP/s of a graphics card of 24 GB, in fp16 and fp32, by its maker, and the share that is assumed to be reached."""


class Called(nn.Module):
    """A U-Net of diffusers as `AdaptedNetwork` calls it."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
        out: Tensor = self.unet(x, timestep, cond).sample
        return out


class Words:
    """Stands for a text encoder."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def encode(self, texts: list[str]) -> Tensor:
        return torch.randn(len(texts), *self.shape, generator=torch.Generator().manual_seed(1))


# --- count ----------------------------------------------------------------------------------------------------------
def counted(fn: Callable[[Tensor], Tensor], x: Tensor, *, gradient: bool = False) -> tuple[float, float]:
    """TFLOP of fn(x), with the gradient to x if that is wanted, and the GiB that are kept for it on the way."""
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            alive.append(tensor)
            kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
        return tensor

    x = x.detach().requires_grad_(gradient)
    attention = mock.patch("torch.nn.functional.scaled_dot_product_attention", _attention)
    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t)
    with FlopCounterMode(display=False) as flops, attention, hooks:
        with torch.set_grad_enabled(gradient):
            out = fn(x * 1)  # a leaf that a module is given is more than the counter's hooks can take
        if gradient:
            torch.autograd.grad(out, x, torch.ones_like(out))
    return flops.get_total_flops() / 1e12, sum(kept.values()) / GIB


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
    """As it is computed on real devices, where no matrix of L x L is kept; on meta tensors torch would keep it."""
    out: Tensor = torch.ops.aten._scaled_dot_product_efficient_attention(query, key, value, None, True)[0]
    return out


def count() -> None:
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**SD15).eval(), AutoencoderKL(**VAE).eval()
        tiny = AutoencoderTiny().eval()
        x, told = torch.randn(1, *LATENTS), torch.randn(1, *WORDS)
        timestep, pixels = torch.zeros(1), torch.randn(1, 3, 512, 512)
    for module in (unet, vae, tiny):
        module.requires_grad_(False)
    plain, checked = LatentCodec(vae, SCALE), LatentCodec(vae, SCALE, tiny=tiny)
    vae.disable_gradient_checkpointing()
    weights = sum(p.numel() for p in unet.parameters()), sum(p.numel() for p in vae.parameters())
    print(f"U-Net {weights[0] / 1e6:.0f} M parameters, autoencoder {weights[1] / 1e6:.0f} M; 512 x 512, fp32\n")
    print(f"{'':44}{'TFLOP':>8}{'kept, GiB':>12}")

    def row(name: str, found: tuple[float, float]) -> tuple[float, float]:
        print(f"{name:44}{found[0]:8.2f}{found[1]:12.2f}")
        return found

    def network(x: Tensor) -> Tensor:
        out: Tensor = unet(x, timestep, told).sample
        return out

    forward = row("U-Net, one evaluation", counted(network, x))
    graded = row("U-Net, with the gradient to x", counted(network, x, gradient=True))
    row("encoder, once a pass", counted(lambda p: vae.encode(p).latent_dist.mean, pixels))
    row("decoder, once a picture", counted(plain.decode, x))
    row("decoder, with its gradient, all kept", counted(plain.decode, x, gradient=True))
    vae.enable_gradient_checkpointing()
    look = row("decoder, likewise, blocks computed again", counted(plain.look, x, gradient=True))
    small = row("tiny decoder, likewise", counted(checked.look, x, gradient=True))
    print("\nOne step, one prompt, both networks told it (two evaluations each):")
    steps = {
        "--guidance-scale 0": (4 * forward[0], 0.0),
        "--guide none": (4 * forward[0], look[0]),
        "--guide none, tiny decoder": (4 * forward[0], small[0]),
        "--guide art": (2 * forward[0] + 2 * graded[0], look[0]),
        "--guide art, tiny decoder": (2 * forward[0] + 2 * graded[0], small[0]),
        "--guide both": (4 * graded[0], look[0]),
    }
    for name, (half, full) in steps.items():
        seconds = half / (HALF * SHARE) + full / (FULL * SHARE)
        print(f"  {name:42}{half + full:8.2f}   predicted {seconds:5.2f} s, 50 steps {50 * seconds:4.0f} s")
    fixed = (2 * 2 * weights[0] + 4 * weights[1]) / GIB
    print(f"\nPredicted for 24 GB, U-Nets in fp16 ({HALF} TFLOP/s), the rest in fp32 ({FULL}), {SHARE:.0%} of either:")
    print(f"  weights: two U-Nets and the autoencoder {fixed:.1f} GiB; text encoder and losses about 1.2")
    print(f"  kept for --guide art: two evaluations {graded[1]:.1f} GiB, and the decoder's {look[1]:.1f}")


# --- loop -----------------------------------------------------------------------------------------------------------
def loop(steps: int = 6, turns: int = 5) -> None:
    """A network small enough to take turns, large enough that it is the cost: 32 x 32 latents.

    On one thread, in seconds of the processor, which other programs on the machine disturb least.
    """
    torch.manual_seed(0)
    torch.set_num_threads(1)
    unet = UNet2DConditionModel(
        sample_size=32, block_out_channels=(64, 128, 256), cross_attention_dim=128, attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    ).eval().requires_grad_(False)  # fmt: skip
    vae = AutoencoderKL(**{**VAE, "block_out_channels": (32, 64, 64, 64)}).eval().requires_grad_(False)
    words = Words(77, 128)
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, set_alpha_to_one=True
    )
    scheduler.set_timesteps(steps)
    card = NetworkCard("bench", "photo", "full", "epsilon", 256, 4, channels=4, space="bench")
    network = AdaptedNetwork(Called(unet), card, scheduler.alphas_cumprod, "epsilon", conditioner=words)
    codec = LatentCodec(vae, SCALE)
    picture = torch.randn(1, 3, 256, 256).clamp(-1, 1)
    told, null = words.encode(["oil painting"]), network.null_condition()
    both = torch.cat([null[None], told])

    @torch.no_grad()
    def theirs() -> Tensor:
        x = vae.encode(picture).latent_dist.mean * SCALE
        for timestep in scheduler.timesteps:
            eps = unet(torch.cat([x, x]), timestep, both).sample
            eps = eps[:1] + 3.0 * (eps[1:] - eps[:1])
            x = scheduler.step(eps, timestep, x).prev_sample
        out: Tensor = vae.decode(x / SCALE).sample
        return out

    @torch.no_grad()
    def ours() -> Tensor:
        x = codec.encode(picture)
        times = [network.time(int(k)) for k in scheduler.timesteps] + [0.0]
        *_, last = integrate(batched_cfg(network, told, [3.0], null), x, times, "ddim")
        return codec.decode(last.x)

    spent: dict[str, list[float]] = {"diffusers": [], "ours": []}
    apart = (theirs() - ours()).abs().max().item()
    for _ in range(turns):
        for name, run in (("diffusers", theirs), ("ours", ours)):
            began = time.process_time()
            run()
            spent[name].append(time.process_time() - began)
    best = {name: min(seconds) for name, seconds in spent.items()}
    print(f"encode, {steps} steps of ddim with a prompt, decode; fastest of {turns}; pictures apart by {apart:.1e}")
    print(
        f"  diffusers {best['diffusers']:.3f} s, ours {best['ours']:.3f} s: {best['ours'] / best['diffusers'] - 1:+.1%}"
    )


# --- memory ---------------------------------------------------------------------------------------------------------
def part(name: str) -> None:
    """One part of a step with real numbers; prints its seconds and the peak of this process."""
    x, told, timestep = torch.randn(1, *LATENTS), torch.randn(1, *WORDS), torch.tensor([500.0])
    if name.startswith("decoder"):
        codec = LatentCodec(AutoencoderKL(**VAE), SCALE)
        run: Callable[[Tensor], Tensor] = codec.look
    else:
        unet = UNet2DConditionModel(**SD15).eval().requires_grad_(False)
        run = lambda x: unet(x, timestep, told).sample  # noqa: E731
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    began = time.perf_counter()
    if name.endswith("gradient"):
        leaf = x.requires_grad_()
        torch.autograd.grad(run(leaf).sum(), leaf)
    else:
        with torch.no_grad():
            run(x)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  {name:30}{seconds:8.1f} s   loaded {loaded:5.2f} GiB, peak {peak:5.2f} GiB")


def memory() -> None:
    print(f"On this CPU, {torch.get_num_threads()} threads, fp32, random weights, 512 x 512:")
    for name in ("unet", "unet, gradient", "decoder", "decoder, gradient"):
        subprocess.run([sys.executable, __file__, "part", name], check=True)


def main() -> None:
    asked = sys.argv[1:]
    if asked[:1] == ["part"]:
        part(asked[1])
        return
    for name in asked or ["count", "loop"]:
        {"count": count, "loop": loop, "memory": memory}[name]()


if __name__ == "__main__":
    main()
