"""The components of a checkpoint in diffusers' layout: a folder each, with its settings and its weights."""

from __future__ import annotations

from typing import TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin

from models.catalog import ModelCard
from models.lora import DENOISERS
from models.settings import settings_of
from models.weights import build_network, load_tensors

CPU = torch.device("cpu")

ComponentT = TypeVar("ComponentT", bound=ModelMixin)


def build_component(
    kind: type[ComponentT], card: ModelCard, folder: str, device: torch.device, dtype: torch.dtype
) -> ComponentT:
    """A network of diffusers from `folder`, which ends with a slash, ready to infer; LoRAs are merged on the device.

    Raises:
        models.catalog.CardError: the card does not list its settings.
        models.weights.WeightsError: a file or key is missing or unexpected.
    """
    settings = settings_of(card, f"{folder}config.json")
    tensors = load_tensors(card, folder, device if card.loras and folder.startswith(DENOISERS) else CPU)
    network: ComponentT = build_network(lambda: kind.from_config(settings), tensors, card, device, dtype)
    return network
