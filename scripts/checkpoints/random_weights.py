"""Random weights in the published layout of a card, so that the real loader and the real networks run undownloaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import torch

from models.card import ModelCard, WeightFile
from models.catalog import CardError
from models.files.checking import remember_sha256
from scripts.checkpoints import catvton, fashn_vton, flux2_klein, leffa, qwen_edit
from scripts.checkpoints.drawing import Draw
from scripts.checkpoints.files import files_in, random_card

SIZES = ("small", "full")
LISTING = ".files.json"

STABLE_DIFFUSION: Mapping[str, Any] = {
    "unet": {"block_out_channels": [32, 64, 128, 128], "norm_num_groups": 8, "cross_attention_dim": 80},
    "vae": {"block_out_channels": [16, 32, 64, 64], "norm_num_groups": 8},
}
"""A tenth of the channels (an eighth in the VAE); all levels, layers and heads."""

FASHN: Mapping[str, Any] = {"hidden_size": 80, "n_heads": 5, "axes_dim": [4, 6, 6]}
"""A sixteenth of the channels; all blocks."""

SMALL: Mapping[str, Mapping[str, Any]] = {
    "sd_inpaint": {"height": 320, "width": 240, "network": STABLE_DIFFUSION},
    "fashn_vton": {"height": 216, "width": 144, "network": FASHN},
}
"""Families that come small in the published proportions: with the channels go as many of the tokens, so that attention,
linear layers and convolutions have about the shares of the work that they have in full size."""


def layout_of(card: ModelCard) -> ModuleType:
    """The module that writes the card's published layout.

    Raises:
        CardError: its weights ship with the code, so there is nothing to replace.
    """
    if card.family == "sd_inpaint":
        return leffa if card.network["conditioning"] == "reference" else catvton
    layouts = {"fashn_vton": fashn_vton, "flux2_klein": flux2_klein, "qwen_edit": qwen_edit}
    if card.family not in layouts:
        raise CardError(f"{card.name} needs no random weights: its own ship with the code. Leave --random-weights out.")
    return layouts[card.family]


def with_random_weights(
    card: ModelCard, size: str, folder: Path, on_bytes: Callable[[int], None] = lambda count: None
) -> ModelCard:
    """The card with random weights of `size` (`small`, `full`), written once below `folder`, in its precision.

    `on_bytes` is told of the bytes as they are drawn; of none when they are there already.

    Raises:
        CardError: the card needs none.
    """
    layout, sized = layout_of(card), _sized(card, size)
    target = folder / f"{card.name}-{size}-{card.precision}"
    if not (target / LISTING).is_file():
        part = target.with_name(f"{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        part.mkdir(parents=True)
        if size == "full" or card.family in SMALL:
            layout.write(sized, part, Draw(getattr(torch, card.precision), on_bytes))
        else:
            layout.small_card(part)
        _list(part)
        part.rename(target)
    files = tuple(WeightFile(**entry) for entry in json.loads((target / LISTING).read_text()))
    return replace(random_card(sized, target, files), name=f"{card.name}-random-{size}")


def num_bytes_of(card: ModelCard) -> int:
    """About how many bytes the full size takes, as the card says of its own weights."""
    return sum(file.size for file in card.files if file.path.endswith(".safetensors"))


def _sized(card: ModelCard, size: str) -> ModelCard:
    if size == "full":
        return card
    small = dict(SMALL.get(card.family, {"height": 96, "width": 64}))
    network = MappingProxyType({**card.network, **small.pop("network", {})})
    if card.family == "qwen_edit":
        network = MappingProxyType({**network, "areas": {"canvas": 96 * 64, "glance": 96 * 64}})
    return replace(card, network=network, tflop_per_picture=0.0, **small)


def _list(folder: Path) -> None:
    """Written last, so that what it lists is whole; the loader is spared the hashing of what was just hashed."""
    files = files_in(folder)
    for file in files:
        remember_sha256(folder, file.path, file.sha256)
    (folder / LISTING).write_text(json.dumps([asdict(file) for file in files]))
