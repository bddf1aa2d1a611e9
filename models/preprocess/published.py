"""Checkpoints as transformers saves them, `config.json` and safetensors, loaded strictly under any of its versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import rename_source_key

from models.catalog import ModelCard
from models.settings import Settings, settings_of
from models.weights import build_network, load_tensors, precision_on

CONFIG = "config.json"

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def read_config(card: ModelCard) -> Settings:
    """The card's `config.json`; raises as `settings_of`."""
    return settings_of(card, CONFIG)


def load_published(make: Callable[[], NetworkT], card: ModelCard, device: torch.device) -> NetworkT:
    """`make()`, a network of transformers, filled with the card's tensors; ready to infer.

    Raises:
        WeightsError: as `models.weights.load_tensors` and `build_network`.
    """
    tensors = load_tensors(card)
    with init_empty_weights():
        network = make()
    return build_network(make, _current(network, tensors), card, device, precision_on(card, device))


def _current(network: Any, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that the network has for them now: transformers renames modules, not checkpoints.

    A tensor that the network uses twice may be saved once.
    """
    renamings = get_model_conversion_mapping(network, add_legacy=False)
    current = {rename_source_key(key, renamings, [])[0]: value for key, value in tensors.items()}
    for name, same in (network._tied_weights_keys or {}).items():
        if same in current:
            current.setdefault(name, current[same])
    return current
