"""The velocity of a batch's latents, as the published network computes it and without the work it throws away.

Sequences are text, canvas, references: `[B, L + N + R, D]`. Only the canvas is denoised; a batch shares its shapes,
hence its positions, but neither its references nor its prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from torch import Tensor, nn

from models.flux2_klein.block import Rotation, through_block


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


class Walk(nn.Module):
    """The transformer without what is thrown away or comes out the same in every step, as one function of tensors.

    `text` `[B, L, D]` and `references` `[B, R, D]` are projected already; `modulation`: a step's embedding, and its
    shifts, scales and gates of both double streams and of the single one. The last block is computed for the canvas
    only.
    """

    def __init__(self, transformer: Flux2Transformer2DModel) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self, latents: Tensor, text: Tensor, references: Tensor, rotation: Rotation, modulation: Sequence[Tensor]
    ) -> Tensor:
        """Tokens of the canvas `[B, N, C]` to their velocity."""
        embedding, of_image, of_text, of_both = modulation
        transformer, first = self.transformer, text.shape[1]
        pictures = torch.cat([transformer.x_embedder(latents), references], dim=1)
        for double in transformer.transformer_blocks:
            text, pictures = double(pictures, text, of_image, of_text, image_rotary_emb=rotation)
        joint = torch.cat([text, pictures], dim=1)
        *blocks, last = transformer.single_transformer_blocks
        for block in blocks:
            joint = block(joint, None, of_both, rotation)
        canvas = through_block(last, joint, of_both, rotation, slice(first, first + latents.shape[1]))
        velocity: Tensor = transformer.proj_out(transformer.norm_out(canvas, embedding))
        return velocity


@dataclass(frozen=True, slots=True)
class LeanDenoiser:
    """`walk`, and what it wants besides latents. `modulations`: of each step, `[1, ...]` each."""

    walk: Walk
    text: Tensor
    references: Tensor
    rotation: Rotation
    modulations: Sequence[Sequence[Tensor]]

    @classmethod
    def of(cls, walk: Walk, condition: Condition) -> LeanDenoiser:
        transformer = walk.transformer
        return cls(
            walk,
            transformer.context_embedder(condition.text),
            transformer.x_embedder(condition.references),
            transformer.pos_embed(condition.positions),
            modulations_of(transformer, condition.times),
        )

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        velocity: Tensor = self.walk(latents, self.text, self.references, self.rotation, self.modulations[step])
        return velocity


def modulations_of(transformer: Flux2Transformer2DModel, times: Tensor) -> list[tuple[Tensor, ...]]:
    """Of each of the `times`, on which they depend alone: as `Walk` takes them."""
    embedding = transformer.time_guidance_embed(times * 1000, None)
    parts = (
        embedding,
        transformer.double_stream_modulation_img(embedding),
        transformer.double_stream_modulation_txt(embedding),
        transformer.single_stream_modulation(embedding),
    )
    return list(zip(*(part.split(1) for part in parts), strict=True))
