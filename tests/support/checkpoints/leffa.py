"""A small random Leffa: all networks in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from checkpoints.stable_diffusion import LICENCE, UNET, VAE, unet_tensors, vae_tensors, written

from models.card import ModelCard


def small_card(folder: Path, **network: Any) -> ModelCard:
    """`network`: more of the card's table."""
    torch.manual_seed(1)
    parts = {"unet.": unet_tensors(12), "unet_encoder.": unet_tensors(4), "vae.": vae_tensors()}
    tensors = {prefix + key: tensor for prefix, part in parts.items() for key, tensor in part.items()}
    return ModelCard(
        name="small-leffa",
        title="A small Leffa",
        family="sd_inpaint",
        description="Random weights.",
        licence=LICENCE,
        files=(written(tensors, folder, "virtual_tryon.safetensors"),),
        height=64,
        width=48,
        num_inference_steps=3,
        guidance_scale=2.5,
        categories=("upper", "lower", "overall"),
        needs=("mask", "densepose", "category"),
        network={"conditioning": "reference", "unet": UNET, "vae": VAE} | network,
        folder=folder,
    )
