"""The velocity of a batch's latents, as the published network computes it and without the work it throws away.

Sequences are text, canvas, references: `[B, L + N + R, D]`. Only the canvas is denoised; a batch shares its shapes,
hence its positions, but neither its references nor its prompts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_flux2 import (
    Flux2Modulation,
    Flux2SingleTransformerBlock,
    Flux2Transformer2DModel,
)
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention

HIGHEST_FLOAT16 = 65504.0

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines `float32 [L + N + R, head_dim]`."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What stays the same over the steps.

    `text`: `[B, L, J]`; `references`: tokens `[B, R, C]`; `positions`: `int64 [L + N + R, 4]`;
    `times`: `[S]` in [0, 1].
    """

    text: Tensor
    references: Tensor
    positions: Tensor
    times: Tensor

    def reading(self, text: Tensor) -> Condition:
        """The same with one other prompt `[1, L, J]` for all."""
        return replace(self, text=text.expand_as(self.text))


class Denoiser(Protocol):
    """Tokens of the canvas `[B, N, C]` and a step's index to their velocity `[B, N, C]`."""

    def __call__(self, latents: Tensor, step: int) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class PublishedDenoiser:
    """The network's own forward, for every token in every step."""

    transformer: Flux2Transformer2DModel
    condition: Condition

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        text, references = self.condition.text, self.condition.references
        (velocity,) = self.transformer(
            hidden_states=torch.cat([latents, references], dim=1),
            encoder_hidden_states=text,
            timestep=self.condition.times[step].expand(len(latents)),
            img_ids=self.condition.positions[text.shape[1] :],
            txt_ids=self.condition.positions[: text.shape[1]],
            guidance=None,
            return_dict=False,
        )
        canvas: Tensor = velocity[:, : latents.shape[1]]
        return canvas


@dataclass(frozen=True, slots=True)
class Modulations:
    """Shifts, scales and gates of every step, `[S, ...]`: they depend on the time alone."""

    embedding: Tensor
    double_image: Tensor
    double_text: Tensor
    single: Tensor

    @classmethod
    def of(cls, transformer: Flux2Transformer2DModel, times: Tensor) -> Modulations:
        embedding = transformer.time_guidance_embed(times * 1000, None)
        return cls(
            embedding,
            transformer.double_stream_modulation_img(embedding),
            transformer.double_stream_modulation_txt(embedding),
            transformer.single_stream_modulation(embedding),
        )

    def at(self, step: int) -> Modulations:
        row = slice(step, step + 1)
        return Modulations(self.embedding[row], self.double_image[row], self.double_text[row], self.single[row])


@dataclass(frozen=True, slots=True)
class LeanDenoiser:
    """The same without what is thrown away or comes out the same in every step.

    Projected once: `text` `[B, L, D]` and `references` `[B, R, D]`. The last block is computed for the canvas only.
    """

    transformer: Flux2Transformer2DModel
    text: Tensor
    references: Tensor
    rotation: Rotation
    modulations: Modulations

    @classmethod
    def of(cls, transformer: Flux2Transformer2DModel, condition: Condition) -> LeanDenoiser:
        return cls(
            transformer,
            transformer.context_embedder(condition.text),
            transformer.x_embedder(condition.references),
            transformer.pos_embed(condition.positions),
            Modulations.of(transformer, condition.times),
        )

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        modulations = self.modulations.at(step)
        joint = self._through_double_blocks(latents, modulations)
        *blocks, last = self.transformer.single_transformer_blocks
        for block in blocks:
            joint = block(joint, None, modulations.single, self.rotation)
        first = self.text.shape[1]
        canvas = through_block(last, joint, modulations.single, self.rotation, slice(first, first + latents.shape[1]))
        velocity: Tensor = self.transformer.proj_out(self.transformer.norm_out(canvas, modulations.embedding))
        return velocity

    def _through_double_blocks(self, latents: Tensor, modulations: Modulations) -> Tensor:
        text = self.text
        pictures = torch.cat([self.transformer.x_embedder(latents), self.references], dim=1)
        for block in self.transformer.transformer_blocks:
            text, pictures = block(
                pictures, text, modulations.double_image, modulations.double_text, image_rotary_emb=self.rotation
            )
        return torch.cat([text, pictures], dim=1)


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
