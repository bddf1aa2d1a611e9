"""A random Leffa: all networks in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.card import ModelCard
from scripts.checkpoints.drawing import Draw, Tensors
from scripts.checkpoints.files import LICENCE, write_tensors
from scripts.checkpoints.stable_diffusion import (
    UNET,
    VAE,
    drawn_unet,
    drawn_vae,
    unet_tensors,
    vae_tensors,
    written,
)

FILE = "virtual_tryon.safetensors"


def small_card(folder: Path, **network: Any) -> ModelCard:
    """`network`: more of the card's table."""
    torch.manual_seed(1)
    tensors = _joined(unet_tensors(12), unet_tensors(4), vae_tensors())
    return ModelCard(
        name="small-leffa",
        title="A small Leffa",
        family="sd_inpaint",
        description="Random weights.",
        licence=LICENCE,
        files=(written(tensors, folder, FILE),),
        height=64,
        width=48,
        num_inference_steps=3,
        guidance_scale=2.5,
        categories=("upper", "lower", "overall"),
        needs=("mask", "densepose", "category"),
        network={"conditioning": "reference", "unet": UNET, "vae": VAE} | network,
        folder=folder,
    )


def write(card: ModelCard, folder: Path, draw: Draw) -> None:
    """A checkpoint of the card's size into `folder`."""
    write_tensors(_joined(drawn_unet(card, 12, draw), drawn_unet(card, 4, draw), drawn_vae(card, draw)), folder / FILE)


def _joined(generator: Tensors, reader: Tensors, vae: Tensors) -> Tensors:
    parts = {"unet.": generator, "unet_encoder.": reader, "vae.": vae}
    return {prefix + key: tensor for prefix, part in parts.items() for key, tensor in part.items()}
