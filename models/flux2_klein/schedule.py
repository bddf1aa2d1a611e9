"""When to look: the noise levels of a sampling run, and the step between two of them. Pure functions.

Levels run from 1 (noise) to 0 (picture); the network wants them as fractions, the scheduler in thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from models.base import SamplingSettings
from models.exactness import Optimisation
from models.plan import Step, planned, told

MANY_TOKENS = 4300  # above this the number of steps no longer matters


@dataclass(frozen=True, slots=True)
class Schedule:
    """`sigmas`: `float32 [S + 1]`, falling to 0. `times`: `[S]` in the network's precision, as it takes them."""

    sigmas: Tensor
    times: Tensor

    @classmethod
    def of(
        cls,
        scheduler: FlowMatchEulerDiscreteScheduler,
        num_tokens: int,
        num_steps: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> Schedule:
        """The schedule for a picture of `num_tokens` latent tokens; `scheduler` is the checkpoint's own."""
        flow_sigmas = getattr(scheduler.config, "use_flow_sigmas", False)
        sigmas = None if flow_sigmas else np.linspace(1.0, 1 / num_steps, num_steps)
        scheduler.set_timesteps(num_steps, device=device, sigmas=sigmas, mu=shift(num_tokens, num_steps))
        # The published loop rounds to the network's precision before it divides; so must we, to see the same times.
        return cls(scheduler.sigmas, scheduler.timesteps.to(dtype) / scheduler.config.num_train_timesteps)


def plan_of(settings: SamplingSettings, *, is_distilled: bool) -> tuple[Step, ...]:
    """A scale of 1 or less is no guidance, as published, and a distilled network has it built in."""
    guides = settings.guidance_scale > 1 and not is_distilled
    return planned(settings.num_inference_steps, lambda step: guides, settings.approximations)


def approximated(settings: SamplingSettings, *, is_distilled: bool) -> tuple[Optimisation, ...]:
    """What the approximations change of the plan, by name."""
    guides = settings.guidance_scale > 1 and not is_distilled
    return told(settings.num_inference_steps, lambda step: guides, settings.approximations)


def shift(num_tokens: int, num_steps: int) -> float:
    """How far the schedule leans towards noise: FLUX.2's fit over picture size and step count (its `mu`).

    A line in the step count through the fits at 10 and at 200 steps, each a line in the token count; past
    `MANY_TOKENS` the fit at 200 steps stands for all.
    """
    at_200 = 0.00016927 * num_tokens + 0.45666666
    if num_tokens > MANY_TOKENS:
        return at_200
    at_10 = 8.73809524e-05 * num_tokens + 1.89833333
    slope = (at_200 - at_10) / 190.0
    return slope * num_steps + (at_200 - 200.0 * slope)


def euler(latents: Tensor, velocity: Tensor, sigma: Tensor, next_sigma: Tensor) -> Tensor:
    """Walk from `sigma` to `next_sigma` along `velocity`; summed in float32 at least, returned in its precision."""
    precise = latents.to(torch.promote_types(latents.dtype, torch.float32))
    return (precise + (next_sigma - sigma) * velocity).to(velocity.dtype)


def guided(positive: Tensor, negative: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: away from what the empty prompt gives."""
    return negative + scale * (positive - negative)
