"""Random Stable Diffusion networks, small or as large as a card says, under the keys of their published files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from models.card import ModelCard, WeightFile
from models.sd_inpaint import architecture
from models.sd_inpaint.options import Options
from scripts.checkpoints.drawing import Draw
from scripts.checkpoints.files import file_of, write_tensors

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


def unet_tensors(in_channels: int, **changes: Any) -> dict[str, Tensor]:
    """With cross-attention, as published."""
    return _tensors(UNet2DConditionModel(**{**architecture.UNET, **UNET, **changes, "in_channels": in_channels}))


def vae_tensors() -> dict[str, Tensor]:
    return _tensors(AutoencoderKL(**{**architecture.VAE, **VAE}))


def written(tensors: dict[str, Tensor], folder: Path, path: str) -> WeightFile:
    """The file of a card."""
    write_tensors(tensors, folder / path)
    return file_of(folder, folder / path)


def drawn_unet(card: ModelCard, in_channels: int, draw: Draw) -> dict[str, Tensor]:
    """Of the card's size, with cross-attention, as published."""
    config = {**Options.of(card).unet_config, "in_channels": in_channels}
    return draw(lambda: UNet2DConditionModel(**config))


def drawn_vae(card: ModelCard, draw: Draw) -> dict[str, Tensor]:
    """Of the card's size."""
    return draw(lambda: AutoencoderKL(**Options.of(card).vae_config))


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Also the norms, which start at 1 and 0, are random."""
    tensors = network.state_dict()
    return {
        key: torch.randn_like(tensor) * 0.3 + float(key.endswith("weight")) if "norm" in key else tensor.clone()
        for key, tensor in tensors.items()
    }
