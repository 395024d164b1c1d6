"""What training and loading of the lite models share: where the weights lie and the shape of the encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SET = "lite"
"""What the files of the lite weights say of themselves in their headers, under "models"."""

WEIGHTS = Path(__file__).parent / "weights"
"""One fp16 safetensors file a component."""

ENCODER: dict[str, Any] = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 2},
}
"""open_clip's configuration of the text–image encoder: a small ModifiedResNet and a shallow, narrow transformer."""
