"""CatVTON's conditioner: the garment lies under the person on one canvas, and both are denoised together."""

from __future__ import annotations

import torch
from torch import Tensor

from models.exactness import Optimisation
from models.sd_inpaint.architecture import LATENT_SCALE
from models.sd_inpaint.core import SAVED, Core, Entrance, at_latent_size
from models.sd_inpaint.halves import Alone, Keeping, Kept, walked
from models.sd_inpaint.scene import Predict, Sampling, Scene

EXTRA_CHANNELS = 5
"""After the noise: mask and the latents of what is known."""


class Concatenation:
    """`ends_clean`: as in `models.sd_inpaint.ancestral.Schedule`."""

    ends_clean = False

    def __init__(self, core: Core) -> None:
        self.core = core

    @property
    def optimisations(self) -> tuple[Optimisation, ...]:
        """What always makes its pictures cheaper."""
        return SAVED if self.core.exact else ()

    def can_reuse(self, height: int) -> bool:
        """Whether the seam lies between two rows at each level of the UNet, for pictures of `height` pixels."""
        num_halvings = len(self.core.unet.network.down_blocks) - 1
        return height % (LATENT_SCALE << num_halvings) == 0

    def rescale(self, guidance_scale: float) -> float:
        """As in `models.sd_inpaint.ancestral.guided`, as published."""
        return 0.0

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Of the canvas that is denoised, for pictures of `height` x `width` pixels."""
        return 2 * (height // 8), width // 8

    def person_part(self, latents: Tensor) -> Tensor:
        """The person's half of the canvas."""
        return latents[:, :, : latents.shape[2] // 2]

    def begin(self, scene: Scene, sampling: Sampling) -> Predict:
        """Without a garment, the other half of the guidance, its latents are 0."""
        core, unet = self.core, self.core.unet
        person = core.person_latents(scene)
        garment = torch.cat([core.garment_latents(one) for one in scene.garments])
        mask = at_latent_size(scene.mask)
        mask = torch.cat([mask, torch.zeros_like(mask)], 2)
        known = torch.cat([person, garment], 2)
        if sampling.is_guided:
            known = torch.cat([torch.cat([person, torch.zeros_like(garment)], 2), known])
            mask = torch.cat([mask, mask])
        entrance = Entrance(core, torch.cat([mask, known], 1))
        embeddings = unet.embedded(sampling.schedule.timesteps.to(core.device))

        plan, pair = sampling.plan, Pair(core, sampling)

        def predict(latents: Tensor, number: int) -> Tensor:
            step, entered, embedding = plan[number], entrance.entered(latents, plan[number]), embeddings[number, None]
            if not step.is_fresh:
                return pair.person_alone(latents, entered, embedding, number)
            if step.is_kept:
                return pair.kept(latents, entered, embedding, number)
            return sampling.combined(unet(entered, embedding).to(core.working_dtype), step)

        return predict


class Pair:
    """Person and garment, whose half of the canvas may go unwalked: it is then led on to the clean latents to which it
    was led when it was last walked."""

    def __init__(self, core: Core, sampling: Sampling) -> None:
        self._core, self._sampling, self._plan = core, sampling, sampling.plan
        self._shares = sampling.schedule.shares.to(core.device, core.working_dtype)
        self._kept: Kept = []
        self._garment: Tensor | None = None

    def kept(self, latents: Tensor, entered: Tensor, embedding: Tensor, number: int) -> Tensor:
        """The noise in the whole canvas, and what of it the next steps need."""
        self._kept, self._garment = [], None  # makes room
        keeping = Keeping()
        noise = self._combined(walked(self._core.unet, entered, embedding, keeping), number)
        clean, noisy = self._shares[number]
        self._kept = keeping.kept
        self._garment = (_lower(latents) - noisy * _lower(noise)) / clean
        return noise

    def person_alone(self, latents: Tensor, entered: Tensor, embedding: Tensor, number: int) -> Tensor:
        """The noise in the whole canvas, of which only the person's half is walked."""
        assert self._garment is not None, "the garment is kept before it stays behind"
        upper = entered[:, :, : entered.shape[2] // 2].contiguous()
        alone = walked(self._core.unet, upper, embedding, Alone(self._kept, len(upper)))
        clean, noisy = self._shares[number]
        garment = (_lower(latents) - clean * self._garment) / noisy
        return torch.cat([self._combined(alone, number), garment], 2)

    def _combined(self, noise: Tensor, number: int) -> Tensor:
        return self._sampling.combined(noise.to(self._core.working_dtype), self._plan[number])


def _lower(canvas: Tensor) -> Tensor:
    return canvas[:, :, canvas.shape[2] // 2 :]
