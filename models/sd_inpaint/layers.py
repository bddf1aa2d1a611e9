"""A diffusers UNet as a list: what follows what, and which skips join where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Layer:
    """A resnet, and what follows it. `takes`: a skip joins before it; `leaves`: its output is kept as a skip."""

    resnet: Any
    transformer: Any = None
    sampler: Any = None
    takes: bool = False
    leaves: bool = False


def layers_of(network: Any) -> list[Layer]:
    layers: list[Layer] = []
    for block in network.down_blocks:
        layers += _block_layers(block, block.downsamplers, leaves=True)
    middle = network.mid_block
    layers.append(Layer(middle.resnets[0], middle.attentions[0]))
    layers.append(Layer(middle.resnets[1]))
    for block in network.up_blocks:
        layers += _block_layers(block, block.upsamplers, takes=True)
    return layers


def _block_layers(block: Any, samplers: Any, *, takes: bool = False, leaves: bool = False) -> list[Layer]:
    count = len(block.resnets)
    transformers = getattr(block, "attentions", None) or [None] * count
    after = [None] * (count - 1) + [samplers[0] if samplers is not None else None]
    return [
        Layer(resnet, transformer, sampler, takes, leaves)
        for resnet, transformer, sampler in zip(block.resnets, transformers, after, strict=True)
    ]
