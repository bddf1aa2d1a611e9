"""Linear layers in 8 bits by torchao, where it and the device can."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import nn

from inference.batching import EngineError

FP8_CAPABILITY = (8, 9)
WHOLE = 16  # fp8 matmuls want multiples of it


def check_quantisation(kind: str, device: torch.device) -> None:
    """That weights can be kept so on a device.

    Raises:
        EngineError: torchao is missing, or the device cannot.
    """
    if importlib.util.find_spec("torchao") is None:
        raise EngineError(
            f"Quantisation {kind} needs torchao: pip install 'fitting-room[quantise]', or take it out of the card."
        )
    if kind == "fp8" and (device.type != "cuda" or torch.cuda.get_device_capability(device) < FP8_CAPABILITY):
        raise EngineError(
            "Quantisation fp8 needs a GPU of compute capability 8.9 or newer: choose int8, or take it out of the card."
        )


def quantise(network: nn.Module, kind: str) -> None:
    """Every linear layer that is wide enough, in place: int8 weights, or fp8 weights with a scale a row."""
    from torchao.quantization import quantize_

    quantize_(network, _configuration(kind), filter_fn=_is_wide)


def _configuration(kind: str) -> Any:
    from torchao.quantization import (
        Float8DynamicActivationFloat8WeightConfig,
        Int8DynamicActivationInt8WeightConfig,
        PerRow,
    )

    if kind == "int8":
        return Int8DynamicActivationInt8WeightConfig()
    return Float8DynamicActivationFloat8WeightConfig(granularity=PerRow())


def _is_wide(module: nn.Module, name: str) -> bool:
    return isinstance(module, nn.Linear) and not (module.in_features % WHOLE or module.out_features % WHOLE)
