"""The flow from noise (t = 0) to a picture (t = 1): its schedule, guidance and steps. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.exactness import NONE, Approximations, Optimisation
from models.plan import Step, planned, told


@dataclass(frozen=True, slots=True)
class Sampling:
    """`time_shift_mu`: how much denser the schedule is near noise; 0 is even.

    `guidance_scale`: 1 is none, 0 leads to a picture of nothing in particular. The last `skip_guidance_last_steps` go
    without guidance. `approximations`: but for their steps, which are these.
    """

    num_inference_steps: int
    guidance_scale: float
    time_shift_mu: float = 1.5
    skip_guidance_last_steps: int = 1
    approximations: Approximations = NONE

    @property
    def plan(self) -> tuple[Step, ...]:
        return planned(self.num_inference_steps, self._is_guided, self.approximations)

    @property
    def approximated(self) -> tuple[Optimisation, ...]:
        """What the approximations change, by name."""
        return told(self.num_inference_steps, self._is_guided, self.approximations)

    def _is_guided(self, step: int) -> bool:
        return self.guidance_scale != 1 and step < self.num_inference_steps - self.skip_guidance_last_steps


def schedule(num_steps: int, mu: float) -> Tensor:
    """Times `float64 [num_steps + 1]`, from 0 up to 1.

    With tau evenly spaced from 1 down to 0: `exp(-mu) / (exp(-mu) + 1 / tau - 1)`, read backwards.

    Raises:
        ValueError: `num_steps` < 1.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, not {num_steps}")
    tau = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    closeness = torch.exp(torch.tensor(-mu, dtype=torch.float64))
    return closeness / (closeness + (1 / tau - 1))


def guided(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """The velocity, led away from that of no person, garment and category."""
    return unconditional + scale * (conditional - unconditional)


def euler(noisy: Tensor, velocity: Tensor, duration: Tensor) -> Tensor:
    """One straight step; `duration` is a scalar on their device, and the result has the precision of `noisy`."""
    return noisy + duration * velocity
