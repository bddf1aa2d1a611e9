"""What both conditioners share: the networks, how they are run, and what is remembered of garments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.exactness import exactly
from models.plan import Step
from models.reuse import Key, Kind, Memory
from models.sd_inpaint.architecture import LATENT_SCALE
from models.sd_inpaint.attention import spread
from models.sd_inpaint.scene import Garment, Sampling, Scene
from models.sd_inpaint.unet import UNet
from models.sd_inpaint.vae import encoded
from models.transfer import to_device

SAVED = exactly(
    "upsampling and convolution in one step",
    "first convolution of what does not change computed once a picture",
)


@dataclass(frozen=True, slots=True)
class Core:
    """The networks on their device. `exact`: leave out work whose result is thrown away or known already."""

    unet: UNet
    vae: Any
    device: torch.device
    memory: Memory = field(default_factory=Memory.nowhere)
    exact: bool = True

    @property
    def dtype(self) -> torch.dtype:
        return self.unet.dtype

    @property
    def working_dtype(self) -> torch.dtype:
        """Of the latents between the steps: never less than float32."""
        return torch.promote_types(self.dtype, torch.float32)

    def garment_key(self, kind: Kind, garment: Garment, *others: object) -> Key:
        """Under which something of a garment is remembered."""
        return self.memory.key(kind, garment.digest, *others)

    def garment_latents(self, garment: Garment) -> Tensor:
        """`[1, 4, H / 8, W / 8]`, each garment by itself, so that a remembered one is that of any batch."""
        return self._latents(self.garment_key(Kind.LATENTS, garment), garment.picture)

    def person_latents(self, scene: Scene) -> Tensor:
        """`[B, 4, H / 8, W / 8]` of what is known of the photographs."""
        persons = torch.split(scene.person, 1)
        if not scene.shown:
            return self._encoded(scene.person)
        keys = [self.memory.key(Kind.LATENTS, shown.name, persons=shown.persons) for shown in scene.shown]
        return torch.cat([self._latents(key, person) for key, person in zip(keys, persons, strict=True)])

    def _latents(self, key: Key, picture: Tensor) -> Tensor:
        return self.memory.remembered(key, lambda: self._encoded(to_device(picture, self.device)))

    def _encoded(self, pictures: Tensor) -> Tensor:
        """Rounded to the UNet's precision before, also where the autoencoder computes in more."""
        return encoded(self.vae, pictures.to(self.dtype)).to(self.dtype)

    def rows(self, scene: Scene, sampling: Sampling) -> int:
        """Of the network's batch: twice the jobs when guided."""
        return len(scene.person) * (2 if sampling.is_guided else 1)


class Entrance:
    """The UNet's first convolution, whose part that sees no noise is the same in each step.

    `conditions`: `[R, C, h, w]`, the channels after the noise; the rows of several guidance branches, or of one when
    they are alike. The conditional rows come last.
    """

    def __init__(self, core: Core, conditions: Tensor) -> None:
        self._core, self._conditions = core, conditions
        if core.exact:
            still = torch.zeros_like(conditions[:, :4])
            self._entered = core.unet.entered(torch.cat([still, conditions], 1))

    def entered(self, latents: Tensor, step: Step) -> Tensor:
        """`[B, 4, h, w]` -> `[R, C, h, w]`; of a step that is not guided, `[B, C, h, w]`."""
        noisy, rows = latents.to(self._core.dtype), slice(None if step.is_guided else -len(latents), None)
        if self._core.exact:
            entered = self._entered[rows]
            return spread(self._core.unet.entered_noise(noisy), len(entered)) + entered
        conditions = self._conditions[rows]
        return self._core.unet.entered(torch.cat([spread(noisy, len(conditions)), conditions], 1))


def at_latent_size(pictures: Tensor) -> Tensor:
    """`[B, C, H, W]` -> `[B, C, H / 8, W / 8]` by nearest neighbours, as the mask and DensePose enter the network."""
    height, width = pictures.shape[-2:]
    return F.interpolate(pictures, size=(height // LATENT_SCALE, width // LATENT_SCALE), mode="nearest")
