"""A random CatVTON: the inpainting UNet, the attentions that replace its own, and a VAE with old keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.card import ModelCard
from scripts.checkpoints.drawing import Draw
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

ATTENTION = "attention/model.safetensors"
BASE = "unet/diffusion_pytorch_model.safetensors"
DECODER = "vae/diffusion_pytorch_model.safetensors"

SLOTS = 8  # modules of an attention in the published list
OLD_KEYS = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def small_card(folder: Path) -> ModelCard:
    torch.manual_seed(0)
    base = unet_tensors(9)
    return ModelCard(
        name="small-catvton",
        title="A small CatVTON",
        family="sd_inpaint",
        description="Random weights.",
        licence=LICENCE,
        files=(
            written(attention_list(base), folder, ATTENTION),
            written(base, folder, BASE),
            written(with_old_keys(vae_tensors()), folder, DECODER),
        ),
        height=64,
        width=48,
        num_inference_steps=3,
        guidance_scale=2.5,
        categories=("upper", "lower", "overall"),
        needs=("mask", "category"),
        network={"conditioning": "concatenation", "mask_blur": 1.0, "unet": UNET, "vae": VAE},
        folder=folder,
    )


def write(card: ModelCard, folder: Path, draw: Draw) -> None:
    """A checkpoint of the card's size into `folder`."""
    base = drawn_unet(card, 9, draw)
    write_tensors(attention_list(base), folder / ATTENTION)
    write_tensors(base, folder / BASE)
    write_tensors(with_old_keys(drawn_vae(card, draw)), folder / DECODER)


def attention_list(base: dict[str, Tensor]) -> dict[str, Tensor]:
    """New weights for each `attn1`, numbered as modules, in the order of the UNet's; some appear twice."""
    places = list(dict.fromkeys(key[: key.index(".attn1.")] for key in _in_order(base) if ".attn1." in key))
    listed: dict[str, Tensor] = {}
    for rank, place in enumerate(places):
        own = {k.removeprefix(f"{place}.attn1."): v for k, v in base.items() if k.startswith(f"{place}.attn1.")}
        for key, tensor in own.items():
            listed[f"{rank * SLOTS}.{key}"] = torch.randn_like(tensor) / tensor.shape[-1] ** 0.5
        listed[f"{rank * SLOTS + 1}.weight"] = listed[f"{rank * SLOTS}.to_q.weight"].clone()
    return listed


def with_old_keys(vae: dict[str, Tensor]) -> dict[str, Tensor]:
    """As diffusers named the VAE's attention before 2023."""
    renamed: dict[str, Tensor] = {}
    for key, tensor in vae.items():
        for new, old in OLD_KEYS.items():
            key = key.replace(f"mid_block.attentions.0.{new}.", f"mid_block.attentions.0.{old}.")
        renamed[key] = tensor
    return renamed


def _in_order(base: dict[str, Tensor]) -> list[str]:
    sides: dict[str, Any] = {"down_blocks": 0, "up_blocks": 1, "mid_block": 2}
    return sorted(base, key=lambda key: sides.get(key.split(".")[0], 3))
