"""Leffa's conditioner: a second UNet reads the garment, and the first attends to what it saw.

Both walk in step: at each timestep the reference UNet reads the garment's clean latents, and its tokens before each
self-attention join the keys and values of the same self-attention of the generator.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.exactness import Exactness, Optimisation, exactly
from models.plan import Step, source_of
from models.sd_inpaint.attention import spread
from models.sd_inpaint.core import SAVED, Core, Entrance, at_latent_size
from models.sd_inpaint.memory import Tensors
from models.sd_inpaint.reading import Reading
from models.sd_inpaint.scene import Predict, Sampling, Scene
from models.sd_inpaint.unet import Reader

EXTRA_CHANNELS = 8
"""After the noise: mask, the latents of the masked person, DensePose."""


SAVED_OF_READING = exactly(
    "garment's tokens have no queries",
    "reference network stops at the last tokens that are read",
    "reference features of no garment computed once",
    "both halves of guidance computed as one until they see the garment",
)


class Reference:
    """`reuse`: read the garment once, at the middle timestep, which is approximate.

    `ends_clean`: as in `models.sd_inpaint.ancestral.Schedule`.
    """

    ends_clean = True

    def __init__(self, core: Core, reader: Reader, *, reuse: bool = False) -> None:
        self.core, self.reader, self._reuse = core, reader, reuse

    @property
    def optimisations(self) -> tuple[Optimisation, ...]:
        """What always makes its pictures cheaper."""
        read_once = (Optimisation("garment read at the middle timestep only", Exactness.APPROXIMATE),)
        return (SAVED + SAVED_OF_READING if self.core.exact else ()) + (read_once if self._reuse else ())

    def can_reuse(self, height: int) -> bool:
        """Whatever the `height` of the pictures."""
        return True

    def rescale(self, guidance_scale: float) -> float:
        """As in `models.sd_inpaint.ancestral.guided`; the published code takes the scale itself."""
        return guidance_scale

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Of the canvas that is denoised, for pictures of `height` x `width` pixels."""
        return height // 8, width // 8

    def person_part(self, latents: Tensor) -> Tensor:
        """All of the canvas."""
        return latents

    def begin(self, scene: Scene, sampling: Sampling) -> Predict:
        core = self.core
        assert scene.densepose is not None, "the reference UNet's generator looks at DensePose"
        latents = core.person_latents(scene)
        conditions = torch.cat([at_latent_size(scene.mask), latents, at_latent_size(scene.densepose)], 1)
        # Both halves of the guidance are alike until they see a garment or none, in the first self-attention.
        entrance = Entrance(core, conditions if core.exact else spread(conditions, core.rows(scene, sampling)))
        reading, plan = Reading(self, scene, sampling), sampling.plan

        def predict(noisy: Tensor, number: int) -> Tensor:
            step = plan[number]
            entered, embedding = entrance.entered(noisy, step), reading.embeddings[number, None]
            if core.exact:
                noise = core.unet(entered, embedding, reading.contexts(number, step))
            else:
                noise = core.unet.predicted(entered, embedding, reading.attend(number, step))
            return sampling.combined(noise.to(core.working_dtype), step)

        return predict

    def reads(self, plan: Sequence[Step]) -> list[int]:
        """For each step, the one at whose timestep the garment is read."""
        if self._reuse:
            return [len(plan) // 2] * len(plan)
        return [source_of(plan, number) for number in range(len(plan))]

    def read(self, latents: Tensor, embedding: Tensor) -> Tensors:
        """Tokens `[B, N, C]` before each self-attention."""
        return tuple(self.reader(self.reader.entered(latents), embedding))

    def contexts(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Keys and values, in turn, that the generator's self-attentions make of `features`."""
        contexts = []
        for attention, tokens in zip(self.core.unet.attentions, features, strict=True):
            contexts += [attention.to_k(tokens), attention.to_v(tokens)]
        return contexts
