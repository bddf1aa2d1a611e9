"""A double-stream block of Qwen-Image's transformer, over diffusers' own modules, computing only rows that matter.

Rows of the image stream are those of the noise, then those of the references; text has a stream of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformerBlock
from torch import Tensor

ATTENTION, MLP = 0, 3
"""Where shift, scale and gate of each half begin among the six parts of a modulation."""


@dataclass(frozen=True, slots=True)
class Modulation:
    """What the time does to a block: shift, scale and gate of its two halves, `[1, 6 D]`.

    `noise` is for all rows or, where `still` is there for the references, for those before `num_noise`.
    """

    noise: Tensor
    num_noise: int = 0
    still: Tensor | None = None

    @property
    def of_noise(self) -> Modulation:
        """For the noise's rows alone."""
        return Modulation(self.noise)

    def shifted(self, rows: Tensor, half: int) -> Tensor:
        """`rows` `[B, L, D]`, normalised, as they enter the half."""
        return _joined(
            [
                part * (1 + _part(values, half + 1)) + _part(values, half)
                for part, values in zip(self._split(rows), self._values, strict=True)
            ]
        )

    def gated(self, rows: Tensor, half: int) -> Tensor:
        """`rows` `[B, L, D]` as they leave the half."""
        parts = zip(self._split(rows), self._values, strict=True)
        return _joined([part * _part(values, half + 2) for part, values in parts])

    @property
    def _values(self) -> list[Tensor]:
        return [self.noise] if self.still is None else [self.noise, self.still]

    def _split(self, rows: Tensor) -> list[Tensor]:
        return [rows] if self.still is None else [rows[:, : self.num_noise], rows[:, self.num_noise :]]


@dataclass(frozen=True, slots=True)
class Heads:
    """Queries, keys and values, `[B, L, heads, channels]`, turned to where their rows lie."""

    query: Tensor
    key: Tensor
    value: Tensor

    def then(self, other: Heads) -> Heads:
        """Of both, one after the other."""
        joined = (torch.cat(pair, 1) for pair in zip(self._all, other._all, strict=True))
        return Heads(*joined)

    @property
    def _all(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.query, self.key, self.value


def image_heads(block: QwenImageTransformerBlock, rows: Tensor, rotary: Tensor, *, num_queries: int) -> Heads:
    """Of image rows `[B, L, D]` as they enter attention; queries of the first `num_queries` alone."""
    attn = block.attn
    made = (attn.to_q(rows[:, :num_queries]), attn.to_k(rows), attn.to_v(rows))
    query, key, value = (_per_head(attn, one) for one in made)
    query, key = attn.norm_q(query), attn.norm_k(key)
    return Heads(turned(query, rotary[:num_queries]), turned(key, rotary), value)


def text_heads(block: QwenImageTransformerBlock, rows: Tensor, rotary: Tensor, *, num_queries: int) -> Heads:
    """Of text rows `[B, T, D]` as they enter attention; queries of the first `num_queries` alone."""
    attn = block.attn
    made = (attn.add_q_proj(rows[:, :num_queries]), attn.add_k_proj(rows), attn.add_v_proj(rows))
    query, key, value = (_per_head(attn, one) for one in made)
    query, key = attn.norm_added_q(query), attn.norm_added_k(key)
    return Heads(turned(query, rotary[:num_queries]), turned(key, rotary), value)


def attended(block: QwenImageTransformerBlock, text: Heads, image: Heads) -> tuple[Tensor, Tensor]:
    """What the queries of text and image find among all keys: `[B, T', D]` and `[B, L', D]`, before projection."""
    both = text.then(image)
    found = dispatch_attention_fn(
        both.query, both.key, both.value, backend=block.attn.processor._attention_backend
    ).flatten(2)
    num_text = text.query.shape[1]
    return found[:, :num_text], found[:, num_text:]


def image_after(block: QwenImageTransformerBlock, rows: Tensor, found: Tensor, modulation: Modulation) -> Tensor:
    """Image rows `[B, L, D]` after the block, given what attention found for them."""
    rows = rows + modulation.gated(block.attn.to_out[0](found), ATTENTION)
    entering = modulation.shifted(block.img_norm2(rows), MLP)
    return _within_half(rows + modulation.gated(block.img_mlp(entering), MLP))


def text_after(block: QwenImageTransformerBlock, rows: Tensor, found: Tensor, modulation: Modulation) -> Tensor:
    """Text rows `[B, T, D]` after the block, given what attention found for them."""
    rows = rows + modulation.gated(block.attn.to_add_out(found), ATTENTION)
    entering = modulation.shifted(block.txt_norm2(rows), MLP)
    return _within_half(rows + modulation.gated(block.txt_mlp(entering), MLP))


def _part(values: Tensor, which: int) -> Tensor:
    return values.chunk(6, -1)[which][:, None]


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _per_head(attn: Any, rows: Tensor) -> Tensor:
    return rows.view(*rows.shape[:2], attn.heads, attn.inner_dim // attn.heads)


def turned(rows: Tensor, rotary: Tensor) -> Tensor:
    """`rows` `[B, L, heads, channels]` turned by the cosines and sines `[L, channels / 2, 2]` of where they lie.

    In real numbers, as compilers make nothing of complex ones; two neighbouring channels make a plane.
    """
    cosine, sine = rotary[:, None].unbind(-1)
    even, odd = torch.unflatten(rows.float(), -1, (-1, 2)).unbind(-1)
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).flatten(-2).type_as(rows)


def _within_half(rows: Tensor) -> Tensor:
    """Held in float16's range, as published."""
    return rows.clip(-65504, 65504) if rows.dtype == torch.float16 else rows
