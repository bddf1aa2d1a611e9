"""The architecture as published for FLUX.2 klein 4B (distilled and base), for when no checkpoint is there to read."""

from __future__ import annotations

import json
from typing import Any

from models.catalog import CardError, ModelCard
from models.weights import checked_file

Configuration = dict[str, Any]

TRANSFORMER: Configuration = {
    "patch_size": 1,
    "in_channels": 128,
    "num_layers": 5,
    "num_single_layers": 20,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 7680,
    "timestep_guidance_channels": 256,
    "mlp_ratio": 3.0,
    "axes_dims_rope": [32, 32, 32, 32],
    "rope_theta": 2000,
    "eps": 1e-6,
    "guidance_embeds": False,
}

VAE: Configuration = {
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "latent_channels": 32,
    "norm_num_groups": 32,
    "batch_norm_eps": 1e-4,
    "patch_size": [2, 2],
}

TEXT_ENCODER: Configuration = {  # Qwen3-4B
    "vocab_size": 151936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000,
    "tie_word_embeddings": True,
}

CONFIGURATIONS = {
    "transformer/config.json": TRANSFORMER,
    "vae/config.json": VAE,
    "text_encoder/config.json": TEXT_ENCODER,
}


def expected(card: ModelCard, path: str) -> Configuration:
    """A component's configuration for counting: the card's own when it is fetched, else the published one."""
    return read(card, path) if card.path(path).is_file() else CONFIGURATIONS[path]


def read(card: ModelCard, path: str) -> Configuration:
    """A JSON file of the checkpoint, after `checked_file`.

    Raises:
        CardError: the card lists no such file.
        models.weights.WeightsError: it is missing or damaged.
    """
    for file in card.files:
        if file.path == path:
            configuration: Configuration = json.loads(checked_file(card, file).read_text())
            return configuration
    raise CardError(f"The card {card.name} must list {path} among its files.")


def is_distilled(card: ModelCard) -> bool:
    """Whether guidance is built into the weights, so that asking for it changes nothing.

    The card's `[network]` table says so, else the checkpoint's `model_index.json`; else it is not.
    """
    if "is_distilled" in card.network:
        return bool(card.network["is_distilled"])
    if any(file.path == "model_index.json" for file in card.files) and card.path("model_index.json").is_file():
        return bool(read(card, "model_index.json").get("is_distilled", False))
    return False
