"""A random FASHN VTON in the published layout: one file, and all kinds of block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.catalog import ModelCard
from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.network import TryOnNetwork
from scripts.checkpoints.drawing import Draw
from scripts.checkpoints.files import LICENCE, file_of, write_tensors

FILE = "model.safetensors"

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "n_heads": 2,
    "double_blocks_depth": 2,
    "single_blocks_depth": 2,
    "mlp_ratio": 2,
    "patch_size": 12,
    "axes_dim": [4, 6, 6],
    "patch_mixer_depth": 1,
}


def small_network(seed: int = 0, **changes: Any) -> TryOnNetwork:
    """Random in every weight, also in those that start at one."""
    torch.manual_seed(seed)
    network = TryOnNetwork(NetworkConfig.of(SMALL | changes)).eval().requires_grad_(False)
    for weight in network.parameters():
        weight.normal_(std=1 / max(weight.shape[-1], 8) ** 0.5) if weight.dim() > 1 else weight.normal_(1, 0.3)
    return network


def small_card(folder: Path, **changes: Any) -> ModelCard:
    """`changes`: of the network's hyper-parameters."""
    write_tensors(small_network(**changes).state_dict(), folder / FILE)
    return ModelCard(
        name="small-fashn-vton",
        title="A small FASHN VTON",
        family="fashn_vton",
        description="Random weights.",
        licence=LICENCE,
        files=(file_of(folder, folder / FILE),),
        height=96,
        width=72,
        num_inference_steps=3,
        guidance_scale=1.5,
        categories=("upper", "lower", "overall"),
        needs=("pose", "category"),
        network=SMALL | changes,
        folder=folder,
    )


def write(card: ModelCard, folder: Path, draw: Draw) -> None:
    """A checkpoint of the card's size into `folder`."""
    write_tensors(draw(lambda: TryOnNetwork(NetworkConfig.of(card.network))), folder / FILE)
