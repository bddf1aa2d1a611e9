"""A single-stream block for some of its tokens only."""

from __future__ import annotations

import torch
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_flux2 import Flux2Modulation, Flux2SingleTransformerBlock
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention

HIGHEST_FLOAT16 = 65504.0

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines `float32 [L + N + R, head_dim]`."""


def through_block(
    block: Flux2SingleTransformerBlock, joint: Tensor, modulation: Tensor, rotation: Rotation, rows: slice
) -> Tensor:
    """`rows` of what a single-stream block makes of `joint`: keys and values of all tokens, all else of those rows.

    The block's one input projection holds queries, keys, values and the feed-forward in this order, so slices of its
    weight do each part of the work.
    """
    attention = block.attn
    ((shift, scale, gate),) = Flux2Modulation.split(modulation, 1)
    normed = (1 + scale) * block.norm(joint) + shift
    weight, width = attention.to_qkv_mlp_proj.weight, attention.inner_dim
    query, key, value = (
        torch.unflatten(linear(tokens, weight[first : first + width]), -1, (-1, attention.head_dim))
        for first, tokens in ((0, normed[:, rows]), (width, normed), (2 * width, normed))
    )
    attended = scaled_dot_product_attention(
        _rotated(attention.norm_q(query), (rotation[0][rows], rotation[1][rows])).transpose(1, 2),
        _rotated(attention.norm_k(key), rotation).transpose(1, 2),
        value.transpose(1, 2),
    )
    gathered = attended.transpose(1, 2).flatten(2)
    hidden = attention.mlp_act_fn(linear(normed[:, rows], weight[3 * width :]))
    result: Tensor = joint[:, rows] + gate * attention.to_out(torch.cat([gathered, hidden], dim=-1))
    return result.clip(-HIGHEST_FLOAT16, HIGHEST_FLOAT16) if result.dtype == torch.float16 else result


def _rotated(heads: Tensor, rotation: Rotation) -> Tensor:
    """`[B, S, num_heads, head_dim]`, turned by each token's position."""
    turned: Tensor = apply_rotary_emb(heads, rotation, sequence_dim=1)
    return turned
