"""What a batch is conditioned on, and how it is to be sampled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from models.exactness import NONE, Approximations, Optimisation
from models.plan import Step, planned, told
from models.reuse import Key
from models.sd_inpaint.ancestral import Schedule, guided
from models.sd_inpaint.architecture import LATENT_SCALE

Predict = Callable[[Tensor, int], Tensor]
"""Latents `[B, 4, h, w]` and the number of the step -> the noise in them, guided."""


@dataclass(frozen=True, slots=True)
class Garment:
    """`picture` `[1, 3, H, W]` in [-1, 1], on the host, and what identifies its pixels."""

    digest: str
    picture: Tensor


@dataclass(frozen=True, slots=True)
class Scene:
    """A batch's pictures in the network's precision, on the device but for the garments.

    `person`: `[B, 3, H, W]` in [-1, 1], 0 where it is to be painted; `mask`: `[B, 1, H, W]`, 1 there and 0 elsewhere;
    `densepose`: `[B, 3, H, W]` in [-1, 1], for conditioners that look at it. `shown`: under which each person's part
    is remembered, or nothing where it is not.
    """

    person: Tensor
    mask: Tensor
    garments: Sequence[Garment]
    densepose: Tensor | None = None
    shown: Sequence[Key] = ()

    @property
    def latent_size(self) -> tuple[int, int]:
        """(height, width) of a picture's latents."""
        return self.mask.shape[2] // LATENT_SCALE, self.mask.shape[3] // LATENT_SCALE


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to walk. `rescale`: as in `models.sd_inpaint.ancestral.guided`; the steps are the schedule's."""

    schedule: Schedule
    guidance_scale: float
    rescale: float = 0.0
    approximations: Approximations = NONE

    @property
    def plan(self) -> tuple[Step, ...]:
        """The published code computes no unconditional half when the scale does nothing, or less."""
        return planned(len(self.schedule), lambda step: self.guidance_scale > 1, self.approximations)

    @property
    def approximated(self) -> tuple[Optimisation, ...]:
        """What the approximations change of the plan, by name."""
        return told(len(self.schedule), lambda step: self.guidance_scale > 1, self.approximations)

    @property
    def is_guided(self) -> bool:
        """Whether any step is."""
        return any(step.is_guided for step in self.plan)

    def combined(self, noise: Tensor, step: Step) -> Tensor:
        """The guided noise `[B, 4, h, w]` of all rows, unconditional before conditional ones when guided."""
        if not step.is_guided:
            return noise
        unconditional, conditional = noise.chunk(2)
        return guided(unconditional, conditional, self.guidance_scale, self.rescale)
