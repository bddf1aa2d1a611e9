"""A small random SAM of the published layout: config.json and model.safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from helper_checkpoints.cards import card_of
from transformers import SamConfig, SamModel

from models.catalog import ModelCard


def small_card(folder: Path) -> ModelCard:
    sides = {"image_size": 64, "patch_size": 16}
    config = SamConfig(
        vision_config={
            **sides,
            "hidden_size": 32,
            "output_channels": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "global_attn_indexes": [1],
            "window_size": 2,
            "num_pos_feats": 8,
            "mlp_dim": 32,
        },
        prompt_encoder_config={**sides, "hidden_size": 16, "image_embedding_size": 4, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    torch.manual_seed(0)
    network = SamModel(config)
    for weight in network.parameters():
        weight.data.normal_(std=0.5)
    network.save_pretrained(folder)
    return card_of(folder, "sam", height=64, width=64)
