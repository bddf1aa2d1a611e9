"""A small random SegFormer of the published layout: config.json and model.safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from helper_checkpoints.cards import card_of
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from models.catalog import ModelCard
from models.preprocess.parts import Part


def small_card(folder: Path, names: list[str] | None = None, **fields: Any) -> ModelCard:
    """`names`: of its classes in config.json; those of FASHN's parser when there are none."""
    names = names or [part.name.lower() for part in Part]
    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
    )
    torch.manual_seed(0)
    network = SegformerForSemanticSegmentation(config)
    for name, weight in network.named_parameters():
        weight.data.normal_(std=0.05 if name.endswith("bias") else 0.5)
    network.save_pretrained(folder)
    return card_of(folder, "segformer", **{"height": 96, "width": 64, **fields})
