"""CatVTON's person without the garment below it, which is then as it was at an earlier step: approximate.

What the person's half of the canvas sees of the garment's are the row below the seam, in a 3x3 convolution; its share
in the mean and the deviation of a group norm; and its keys and values, in a self-attention. All that is kept while the
whole canvas is walked, and taken for the garment's half when the person's walks alone. At the step at which it was
kept, the person's half comes out the same as with the whole canvas.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.sd_inpaint.attention import answered
from models.sd_inpaint.layers import Layer
from models.sd_inpaint.unet import UNet

Kept = list[tuple[Tensor, ...]]
"""What the person's half sees of the garment's, in the order of the walk."""


class Half(Protocol):
    """How the layers that look across the seam are run."""

    def normed(self, norm: Any, hidden: Tensor) -> Tensor:
        """By a group norm, `[R, C, h, w]`."""

    def convolved(self, module: Any, hidden: Tensor) -> Tensor:
        """By a 3x3 convolution."""

    def enlarged(self, sampler: Any, hidden: Tensor, width: int) -> Tensor:
        """By an upsampling with a 3x3 convolution: twice the rows, and `width` columns."""

    def attended(self, attention: Any, tokens: Tensor) -> Tensor:
        """By a self-attention, `[R, N, C]`."""


class Keeping:
    """The whole canvas, as it is."""

    def __init__(self) -> None:
        self.kept: Kept = []

    def normed(self, norm: Any, hidden: Tensor) -> Tensor:
        self.kept.append(_moments(norm, hidden[:, :, hidden.shape[2] // 2 :]))
        normed: Tensor = norm(hidden)
        return normed

    def convolved(self, module: Any, hidden: Tensor) -> Tensor:
        seam = hidden.shape[2] // 2
        self.kept.append((hidden[:, :, seam : seam + 1].clone(),))
        convolved: Tensor = module(hidden)
        return convolved

    def enlarged(self, sampler: Any, hidden: Tensor, width: int) -> Tensor:
        return self.convolved(partial(sampler, output_size=(2 * hidden.shape[2], width)), hidden)

    def attended(self, attention: Any, tokens: Tensor) -> Tensor:
        keys, values = attention.to_k(tokens), attention.to_v(tokens)
        seam = tokens.shape[1] // 2
        self.kept.append((keys[:, seam:].clone(), values[:, seam:].clone()))
        return answered(attention, tokens, keys, values)


class Alone:
    """The person's half, of the last `rows` rows, beside what was `kept`."""

    def __init__(self, kept: Kept, rows: int) -> None:
        self._kept: Iterator[tuple[Tensor, ...]] = iter([tuple(one[-rows:] for one in ones) for ones in kept])

    def normed(self, norm: Any, hidden: Tensor) -> Tensor:
        own, other = _moments(norm, hidden), next(self._kept)
        mean, square = ((one + another) / 2 for one, another in zip(own, other, strict=True))
        grouped = torch.unflatten(hidden, 1, (norm.num_groups, -1)).to(mean.dtype)
        deviation = (square - mean**2 + norm.eps).sqrt()
        even = ((grouped - mean) / deviation).flatten(1, 2).to(hidden.dtype)
        normed: Tensor = even * norm.weight[:, None, None] + norm.bias[:, None, None]
        return normed

    def convolved(self, module: Any, hidden: Tensor) -> Tensor:
        (below,) = next(self._kept)
        convolved: Tensor = module(torch.cat([hidden, below], 2))
        rows = hidden.shape[2]
        return convolved[:, :, : convolved.shape[2] // (rows + 1) * rows]

    def enlarged(self, sampler: Any, hidden: Tensor, width: int) -> Tensor:
        return self.convolved(partial(sampler, output_size=(2 * hidden.shape[2] + 2, width)), hidden)

    def attended(self, attention: Any, tokens: Tensor) -> Tensor:
        keys, values = next(self._kept)
        keys = torch.cat([attention.to_k(tokens), keys], 1)
        values = torch.cat([attention.to_v(tokens), values], 1)
        return answered(attention, tokens, keys, values)


def walked(unet: UNet, entered: Tensor, embedding: Tensor, half: Half) -> Tensor:
    """As `UNet.predicted`, of what `half` is of."""
    network, skips, hidden = unet.network, [entered], entered
    for layer in unet.layers:
        hidden = _through(layer, hidden, skips, embedding, half)
    predicted: Tensor = half.convolved(network.conv_out, F.silu(half.normed(network.conv_norm_out, hidden)))
    return predicted


def _through(layer: Layer, hidden: Tensor, skips: list[Tensor], embedding: Tensor, half: Half) -> Tensor:
    if layer.takes:
        hidden = torch.cat([hidden, skips.pop()], 1)
    hidden = _resolved(layer.resnet, hidden, embedding, half)
    if layer.transformer is not None:
        hidden = _transformed(layer.transformer, hidden, half)
    if layer.leaves:
        skips.append(hidden)
    if layer.sampler is None:
        return hidden
    if not layer.leaves:
        return half.enlarged(layer.sampler, hidden, skips[-1].shape[-1])
    halved: Tensor = layer.sampler(hidden)  # a row of half the size looks up, not down
    skips.append(halved)
    return halved


def _resolved(resnet: Any, hidden: Tensor, embedding: Tensor, half: Half) -> Tensor:
    inner = half.convolved(resnet.conv1, F.silu(half.normed(resnet.norm1, hidden)))
    inner = inner + resnet.time_emb_proj(F.silu(embedding))[:, :, None, None]
    inner = half.convolved(resnet.conv2, F.silu(half.normed(resnet.norm2, inner)))
    straight = hidden if resnet.conv_shortcut is None else resnet.conv_shortcut(hidden)
    resolved: Tensor = (straight + inner) / resnet.output_scale_factor
    return resolved


def _transformed(transformer: Any, hidden: Tensor, half: Half) -> Tensor:
    tokens = transformer.proj_in(half.normed(transformer.norm, hidden)).flatten(2).transpose(1, 2)
    for block in transformer.transformer_blocks:
        tokens = tokens + half.attended(block.attn1, block.norm1(tokens))
        tokens = tokens + block.norm2(tokens)
        tokens = tokens + block.ff(block.norm3(tokens))
    added: Tensor = transformer.proj_out(torch.unflatten(tokens, 1, hidden.shape[-2:]).permute(0, 3, 1, 2))
    return hidden + added


def _moments(norm: Any, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and mean square of each group, `[R, G, 1, 1, 1]`, in float32 at least."""
    grouped = torch.unflatten(hidden, 1, (norm.num_groups, -1)).to(torch.promote_types(hidden.dtype, torch.float32))
    return grouped.mean((2, 3, 4), keepdim=True), grouped.square().mean((2, 3, 4), keepdim=True)
