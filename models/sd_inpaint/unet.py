"""A walk through Stable Diffusion's UNet that leaves self-attention to whoever calls it.

The modules are diffusers'; the order of their use is here, so that a conditioner may look at the tokens before each
self-attention, answer them in its own way, and stop when it has seen enough. Where an answer has more rows than the
tokens, the rows part ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.sd_inpaint.attention import Attend, attended, joined_to, spread
from models.sd_inpaint.layers import Layer, layers_of


class UNet(nn.Module):
    """A network of `models.sd_inpaint.architecture.make_unet` as a list of layers."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.layers = layers_of(network)

    def forward(self, entered: Tensor, embedding: Tensor, contexts: Sequence[Tensor] = ()) -> Tensor:
        """`predicted`, where each self-attention looks at its own tokens and, if given, at its share of `contexts`.

        `contexts`: keys and values `[R, N, C]` in turn, for each self-attention in the order of the walk.
        """
        return self.predicted(entered, embedding, joined_to(contexts))

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.network.conv_in.weight.dtype
        return dtype

    def embedded(self, timesteps: Tensor) -> Tensor:
        """`[N]` -> `[N, C]`, of which a row serves a whole batch."""
        embedded: Tensor = self.network.time_embedding(self.network.time_proj(timesteps).to(self.dtype))
        return embedded

    def entered(self, sample: Tensor) -> Tensor:
        """`[B, in_channels, h, w]` -> `[B, C, h, w]`."""
        entered: Tensor = self.network.conv_in(sample)
        return entered

    def entered_noise(self, noisy: Tensor) -> Tensor:
        """What the noisy latents `[B, 4, h, w]` alone, the first channels of the sample, add to `entered`."""
        return F.conv2d(noisy, self.network.conv_in.weight[:, : noisy.shape[1]], padding=1)

    def predicted(self, entered: Tensor, embedding: Tensor, attend: Attend) -> Tensor:
        """The noise `[B, 4, h, w]`. `embedding`: `[1, C]`."""
        hidden = _run(self.layers, entered, [entered], embedding, attend)
        predicted: Tensor = self.network.conv_out(F.silu(self.network.conv_norm_out(hidden)))
        return predicted

    def features(self, entered: Tensor, embedding: Tensor) -> list[Tensor]:
        """The tokens before each self-attention, and nothing after the last of them."""
        features, attend = _gathering()
        last = max(k for k, layer in enumerate(self.layers) if layer.transformer is not None)
        skips = [entered]
        hidden = _run(self.layers[:last], entered, skips, embedding, attend)
        transformer = self.layers[last].transformer
        tokens = _tokens(transformer, _resolved(self.layers[last], hidden, skips, embedding))
        *before, final = transformer.transformer_blocks
        for block in before:
            tokens = _through(block, tokens, attend)
        return [*features, final.norm1(tokens)]

    def all_features(self, entered: Tensor, embedding: Tensor) -> list[Tensor]:
        """`features`, after the whole forward pass, as the published code does it."""
        features, attend = _gathering()
        self.predicted(entered, embedding, attend)
        return features

    @property
    def attentions(self) -> list[Any]:
        """Each `attn1`, in the order of the walk."""
        blocks = (layer.transformer.transformer_blocks for layer in self.layers if layer.transformer is not None)
        return [block.attn1 for several in blocks for block in several]


class Reader(UNet):
    """A UNet of which only `features` are asked."""

    def forward(self, entered: Tensor, embedding: Tensor) -> list[Tensor]:  # type: ignore[override]
        return self.features(entered, embedding)


def _gathering() -> tuple[list[Tensor], Attend]:
    """A list, and self-attention that adds to it what it sees."""
    seen: list[Tensor] = []

    def attend(attention: Any, tokens: Tensor) -> Tensor:
        seen.append(tokens)
        return attended(attention, tokens, tokens)

    return seen, attend


def _run(layers: Sequence[Layer], hidden: Tensor, skips: list[Tensor], embedding: Tensor, attend: Attend) -> Tensor:
    for layer in layers:
        hidden = _resolved(layer, hidden, skips, embedding)
        if layer.transformer is not None:
            hidden = _transformed(layer.transformer, hidden, attend)
        if layer.leaves:
            skips.append(hidden)
        if layer.sampler is not None and layer.leaves:
            hidden = layer.sampler(hidden)
            skips.append(hidden)
        elif layer.sampler is not None:
            hidden = layer.sampler(hidden, output_size=skips[-1].shape[-2:])
    return hidden


def _resolved(layer: Layer, hidden: Tensor, skips: list[Tensor], embedding: Tensor) -> Tensor:
    if layer.takes:
        hidden = torch.cat([hidden, spread(skips.pop(), len(hidden))], 1)
    resolved: Tensor = layer.resnet(hidden, embedding)
    return resolved


def _transformed(transformer: Any, hidden: Tensor, attend: Attend) -> Tensor:
    tokens = _tokens(transformer, hidden)
    for block in transformer.transformer_blocks:
        tokens = _through(block, tokens, attend)
    picture = torch.unflatten(tokens, 1, hidden.shape[-2:]).permute(0, 3, 1, 2)
    added: Tensor = transformer.proj_out(picture)
    return spread(hidden, len(tokens)) + added


def _tokens(transformer: Any, hidden: Tensor) -> Tensor:
    tokens: Tensor = transformer.proj_in(transformer.norm(hidden)).flatten(2).transpose(1, 2)
    return tokens


def _through(block: Any, tokens: Tensor, attend: Attend) -> Tensor:
    """A transformer block whose skipped cross-attention gives its input back: `h + norm2(h)`, not `h`."""
    answer = attend(block.attn1, block.norm1(tokens))
    tokens = spread(tokens, len(answer)) + answer
    tokens = tokens + block.norm2(tokens)
    passed: Tensor = tokens + block.ff(block.norm3(tokens))
    return passed
