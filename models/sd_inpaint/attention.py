"""Self-attention by a block's `attn1`, of which the rows may part ways.

Rows of a network's batch are guidance branches of jobs: all jobs, then all again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Attend = Callable[[Any, Tensor], Tensor]
"""A block's `attn1` and the tokens `[B, N, C]` that `norm1` gave -> what is added to the tokens, `[B * r, N, C]`."""


def attended(attention: Any, tokens: Tensor, context: Tensor) -> Tensor:
    """Attention of `tokens` `[B, N, C]` to `context` `[B, M, C]`."""
    return answered(attention, tokens, attention.to_k(context), attention.to_v(context))


def answered(attention: Any, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of `tokens` `[B, N, C]` to `keys` and `values` `[B * r, M, C]`: `[B * r, N, C]`."""
    queries = spread(attention.to_q(tokens), len(keys))
    queries, keys, values = (_by_head(part, attention.heads) for part in (queries, keys, values))
    answer = F.scaled_dot_product_attention(queries, keys, values)
    projected: Tensor = attention.to_out[0](answer.transpose(1, 2).flatten(2))
    return projected


def joined_to(contexts: Sequence[Tensor]) -> Attend:
    """Self-attention to their own tokens and, where there are any, to the keys and values that come next.

    `contexts`: `[B * r, M, C]`, keys and values in turn, in the order of the walk.
    """
    remaining = list(contexts)

    def attend(attention: Any, own: Tensor) -> Tensor:
        if not remaining:
            return attended(attention, own, own)
        keys, values = remaining.pop(0), remaining.pop(0)
        rows = len(keys)
        keys = torch.cat([spread(attention.to_k(own), rows), keys], 1)
        values = torch.cat([spread(attention.to_v(own), rows), values], 1)
        return answered(attention, own, keys, values)

    return attend


def _by_head(tokens: Tensor, num_heads: int) -> Tensor:
    """`[B, N, heads * C]` -> `[B, heads, N, C]`."""
    return torch.unflatten(tokens, 2, (num_heads, -1)).transpose(1, 2)


def spread(tensor: Tensor, rows: int) -> Tensor:
    """`[B, ...]` repeated to `rows`, in the order [all, all again, ...]."""
    return tensor if len(tensor) == rows else tensor.repeat(rows // len(tensor), *[1] * (tensor.ndim - 1))
