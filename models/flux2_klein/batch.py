"""A batch under way: its jobs in groups of equal shapes, each of which is one forward a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from models.base import Image, TryOnInputs
from models.flux2_klein.denoiser import Denoiser
from models.flux2_klein.latents import Grid
from models.flux2_klein.schedule import Schedule, euler, guided
from models.plan import Step
from models.preprocess.fitting import Fit
from models.reuse import Key


@dataclass(frozen=True, slots=True)
class Prepared:
    """One job: where its canvas lies in the photograph, and both references, `uint8 [h, w, 3]`.

    `canvas`, `person_grid` and `garment_grid` are sizes in tokens; under `shown` the person is remembered.
    """

    inputs: TryOnInputs
    fit: Fit
    canvas: Grid
    person: Image
    garment: Image
    shown: Key
    person_grid: Grid
    garment_grid: Grid

    @property
    def shapes(self) -> tuple[Grid, Grid, Grid]:
        return self.canvas, self.person_grid, self.garment_grid


@dataclass(slots=True)
class Group:
    """Jobs that share all shapes. `latents`: `[B, N, C]`; `jobs`: their places in the batch.

    `unprompted`: what the network says to the empty prompt; there when any step of `plan` is guided.
    """

    jobs: list[int]
    canvas: Grid
    latents: Tensor
    schedule: Schedule
    denoiser: Denoiser
    unprompted: Denoiser | None
    guidance_scale: float
    plan: Sequence[Step]

    def step(self, index: int) -> None:
        """One denoising step, in place."""
        velocity = self.denoiser(self.latents, index)
        if self.unprompted is not None and self.plan[index].is_guided:
            velocity = guided(velocity, self.unprompted(self.latents, index), self.guidance_scale)
        sigmas = self.schedule.sigmas
        self.latents = euler(self.latents, velocity, sigmas[index], sigmas[index + 1])


@dataclass(slots=True)
class State:
    """What `begin` hands to `step` and `decode`."""

    prepared: Sequence[Prepared]
    groups: list[Group]
    num_steps_done: int = 0
