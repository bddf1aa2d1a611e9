"""The two diffusers networks of the family at their published sizes, the UNet without its cross-attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

Config = Mapping[str, Any]

UNET: Config = {
    "sample_size": 64,
    "out_channels": 4,
    "layers_per_block": 2,
    "block_out_channels": (320, 640, 1280, 1280),
    "norm_num_groups": 32,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "down_block_types": (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
}
"""Stable Diffusion 1.5's, but for `in_channels`, which the conditioner decides."""

VAE: Config = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "sample_size": 512,
    "scaling_factor": 0.18215,
}

LATENT_CHANNELS = 4
LATENT_SCALE = 8
"""Pixels of the canvas a latent pixel is wide: three of the VAE's four levels halve."""


def make_unet(config: Config, in_channels: int) -> Any:
    """A `UNet2DConditionModel` without `attn2`: both conditioners skip it, so its weights need no memory.

    What is skipped is the attention alone: its input, the output of `norm2`, is still added (`models.sd_inpaint.unet`).
    """
    unet = UNet2DConditionModel(**{**config, "in_channels": in_channels})
    for module in list(unet.modules()):
        if hasattr(module, "attn2"):
            module.attn2 = None
    return unet


def make_vae(config: Config) -> Any:
    """An `AutoencoderKL`."""
    return AutoencoderKL(**config)


def cross_attention_shapes(config: Config) -> dict[str, torch.Size]:
    """Key -> shape of the `attn2` weights that a published UNet file has and `make_unet` has not."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
    return {key: tensor.shape for key, tensor in unet.state_dict().items() if ".attn2." in key}
