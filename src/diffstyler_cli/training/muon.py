"""The Muon optimiser for convolution kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from ..device import native_cpu_bf16


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by five Newton–Schulz steps (Jordan et al. 2024), scaled to AdamW's step size
    (0.2·√max(rows, columns), Liu et al. 2025); convolution kernels count as matrices out × (in·k·k).

    Not `torch.optim.Muon` (since torch 2.9), which takes matrices only and orthogonalises in bf16 even on CPUs that
    emulate it: eight times slower than float32 there.
    """

    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # takes no closure
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                nesterov = p.grad.lerp(buffer, group["momentum"]).flatten(1)
                update = orthogonalised(nesterov) * (0.2 * max(nesterov.shape) ** 0.5)
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update.view_as(p), alpha=-group["lr"])


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix with its singular values brought near 1, by a quintic Newton–Schulz iteration (Jordan et al. 2024)."""
    # bfloat16 is exact enough (Jordan et al. 2024)
    half = matrix.device.type != "cpu" or native_cpu_bf16()
    x = (matrix / (matrix.norm() + 1e-7)).to(torch.bfloat16 if half else matrix.dtype)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    result: Tensor = (x.T if tall else x).to(matrix.dtype)
    return result
