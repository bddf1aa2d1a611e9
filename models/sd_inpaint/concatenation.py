"""CatVTON's conditioner: the garment lies under the person on one canvas, and both are denoised together."""

from __future__ import annotations

import torch
from torch import Tensor

from models.sd_inpaint.core import Core, Entrance, at_latent_size
from models.sd_inpaint.scene import Predict, Sampling, Scene

EXTRA_CHANNELS = 5
"""After the noise: mask and the latents of what is known."""


class Concatenation:
    """`ends_clean`: as in `models.sd_inpaint.ancestral.Schedule`."""

    ends_clean = False

    def __init__(self, core: Core) -> None:
        self.core = core

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

        def predict(latents: Tensor, step: int) -> Tensor:
            noise = unet(entrance.entered(latents), embeddings[step, None])
            return sampling.combined(noise.to(core.working_dtype))

        return predict
