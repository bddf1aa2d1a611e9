"""The velocity of a batch's latents, as the published network computes it and without the work it throws away.

Sequences are text, canvas, references: `[B, L + N + R, D]`. Only the canvas is denoised; a batch shares its shapes,
hence its positions, but neither its references nor its prompts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from torch import Tensor

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
