"""The small parts that the blocks share. Tokens are `[N, L, hidden]`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.fashn_vton.config import NetworkConfig
from models.fashn_vton.rotation import rotated, wide

EPS = 1e-6
TIME_CHANNELS = 256
LONGEST_PERIOD = 10_000.0

Heads = tuple[Tensor, Tensor, Tensor]
"""Queries, keys and values, `[N, heads, L, head]` each."""


class Embedder(nn.Module):
    """A number as a vector: its waves, through two layers."""

    class Layers(nn.Module):
        def __init__(self, hidden_size: int) -> None:
            super().__init__()
            self.in_layer = nn.Linear(TIME_CHANNELS, hidden_size)
            self.out_layer = nn.Linear(hidden_size, hidden_size)

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.mlp = self.Layers(hidden_size)

    def forward(self, values: Tensor) -> Tensor:
        """`[N]` -> `[N, hidden]`, in the network's precision."""
        hidden = self.mlp.in_layer(waves(values.to(self.mlp.in_layer.weight.dtype)))
        embedded: Tensor = self.mlp.out_layer(F.silu(hidden))
        return embedded


def waves(values: Tensor) -> Tensor:
    """`[N]` -> `[N, 256]`: cosines, then sines. Thousandths are made in the precision of `values`, as published."""
    half = TIME_CHANNELS // 2
    exponents = torch.arange(half, dtype=wide(values.dtype), device=values.device) / half
    angles = (1000 * values)[:, None].to(exponents.dtype) * torch.exp(-math.log(LONGEST_PERIOD) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=1).to(values.dtype)


class Modulation(nn.Module):
    """`num_rows` vectors of shift, scale and gate from what the network knows of the time and the category."""

    def __init__(self, hidden_size: int, num_rows: int) -> None:
        super().__init__()
        self.lin = nn.Linear(hidden_size, num_rows * hidden_size)
        self._num_rows = num_rows

    def forward(self, known: Tensor) -> Tensor:
        """`[N, hidden]` -> `[N, rows, hidden]`."""
        return torch.unflatten(self.lin(F.silu(known)), 1, (self._num_rows, -1))


def modulated(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalised tokens, scaled and shifted by `[N, hidden]`."""
    return (1 + scale[:, None]) * F.layer_norm(tokens, tokens.shape[-1:], eps=EPS) + shift[:, None]


class RMSNorm(nn.Module):
    """Over a head's channels, in float32 at least."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, vectors: Tensor) -> Tensor:
        precise = vectors.to(wide(vectors.dtype))
        normed = precise * torch.rsqrt(precise.square().mean(-1, keepdim=True) + EPS)
        scaled: Tensor = normed.to(vectors.dtype) * self.scale
        return scaled


class QueryKeyNorm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.query_norm = RMSNorm(size)
        self.key_norm = RMSNorm(size)


def heads_of(qkv: Tensor, config: NetworkConfig, norm: QueryKeyNorm) -> Heads:
    """`[N, L, 3 hidden]`, laid out (three, heads, head), as normed heads."""
    query, key, value = torch.unflatten(qkv, -1, (3, config.n_heads, config.head_size)).permute(2, 0, 3, 1, 4)
    return norm.query_norm(query), norm.key_norm(key), value


def attended(query: Tensor, key: Tensor, value: Tensor, table: Tensor) -> Tensor:
    """`[N, Q, hidden]`: what the queries, the last Q of the L positions of `table`, find among L keys."""
    query = rotated(query, table[:, -query.shape[2] :])
    found = F.scaled_dot_product_attention(query, rotated(key, table), value)
    return found.transpose(1, 2).flatten(2)


class PatchEmbedding(nn.Module):
    """Pictures `[N, channels, H, W]` -> a token each patch, by rows."""

    def __init__(self, num_channels: int, config: NetworkConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(num_channels, config.hidden_size, config.patch_size, config.patch_size)

    def forward(self, pictures: Tensor) -> Tensor:
        return _tokens(self.proj(pictures))

    @property
    def bias(self) -> Tensor:
        """The token of a patch in which everything is 0, `[hidden]`."""
        assert self.proj.bias is not None
        return self.proj.bias

    def share(self, pictures: Tensor, first: int) -> Tensor:
        """What some channels, from the `first`, add to the tokens' bias."""
        weight = self.proj.weight[:, first : first + pictures.shape[1]]
        return _tokens(F.conv2d(pictures, weight, stride=self.proj.stride))


def _tokens(maps: Tensor) -> Tensor:
    return maps.flatten(2).transpose(1, 2)
