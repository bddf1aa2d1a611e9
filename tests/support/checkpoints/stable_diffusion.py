"""Small random Stable Diffusion networks, under the keys of their published files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn

from models.card import Licence, WeightFile
from models.files.checking import sha256_of

UNET: dict[str, Any] = {
    "layers_per_block": 1,
    "block_out_channels": [16, 32],
    "norm_num_groups": 8,
    "cross_attention_dim": 16,
    "attention_head_dim": 4,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
}
VAE: dict[str, Any] = {"block_out_channels": [8, 16, 16, 16], "layers_per_block": 1, "norm_num_groups": 8}

LICENCE = Licence(code="MIT", weights="MIT", commercial="yes", reason="Random numbers.")


def unet_tensors(in_channels: int, **changes: Any) -> dict[str, Tensor]:
    """With cross-attention, as published."""
    from models.sd_inpaint.architecture import UNET as PUBLISHED

    return _tensors(UNet2DConditionModel(**{**PUBLISHED, **UNET, **changes, "in_channels": in_channels}))


def vae_tensors() -> dict[str, Tensor]:
    from models.sd_inpaint.architecture import VAE as PUBLISHED

    return _tensors(AutoencoderKL(**{**PUBLISHED, **VAE}))


def written(tensors: dict[str, Tensor], folder: Path, path: str) -> WeightFile:
    """The file of a card."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / path)
    return WeightFile(path, (folder / path).stat().st_size, sha256_of(folder / path))


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Also the norms, which start at 1 and 0, are random."""
    tensors = network.state_dict()
    return {
        key: torch.randn_like(tensor) * 0.3 + float(key.endswith("weight")) if "norm" in key else tensor.clone()
        for key, tensor in tensors.items()
    }
