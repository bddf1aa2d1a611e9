"""A small random checkpoint of the published layout: one file, and all kinds of block."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from models.catalog import Licence, ModelCard, WeightFile
from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.network import TryOnNetwork

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
    path = folder / "model.safetensors"
    save_file(small_network(**changes).state_dict(), path)
    data = path.read_bytes()
    return ModelCard(
        name="small-fashn-vton",
        title="A small FASHN VTON",
        family="fashn_vton",
        description="Random weights.",
        licence=Licence(code="Apache-2.0", weights="Apache-2.0", commercial="yes", reason="Random numbers."),
        files=(WeightFile(path.name, len(data), hashlib.sha256(data).hexdigest()),),
        height=96,
        width=72,
        num_inference_steps=3,
        guidance_scale=1.5,
        categories=("upper", "lower", "overall"),
        needs=("pose", "category"),
        network=SMALL | changes,
        folder=folder,
    )
