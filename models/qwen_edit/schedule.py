"""The noise levels that a picture walks down: diffusers' flow-matching scheduler, as the checkpoint sets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from models.base import SamplingSettings
from models.exactness import Optimisation
from models.plan import Step, planned, told

REFUSED = ("stochastic_sampling", "invert_sigmas")
"""Settings of the scheduler that ask for other steps than Euler's."""


def check(settings: Mapping[str, Any]) -> None:
    """That the settings ask for Euler's steps.

    Raises:
        ValueError: they ask for others.
    """
    if asked := [name for name in REFUSED if settings.get(name)]:
        raise ValueError(f"the scheduler asks for {' and '.join(asked)}, which is not done here")


def noise_levels(settings: Mapping[str, Any], num_steps: int, num_tokens: int) -> Tensor:
    """`[num_steps + 1]` float32 on the CPU, from 1 or just below down to 0.

    They are shifted towards noise the more the larger the picture is, in tokens, where the settings say so. A single
    step goes from 1 to 0; to stretch its one level to the settings' last would be to divide by 0.
    """
    stretched = {} if num_steps > 1 else {"shift_terminal": None}
    scheduler = FlowMatchEulerDiscreteScheduler.from_config({**settings, **stretched})
    config = scheduler.config
    slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
    shift = config.base_shift + slope * (num_tokens - config.base_image_seq_len)
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / num_steps, num_steps).tolist(), mu=shift)
    levels: Tensor = scheduler.sigmas
    return levels.to(torch.float32)


def plan_of(settings: SamplingSettings) -> tuple[Step, ...]:
    """A scale of 1 or less is no guidance, as published."""
    return planned(settings.num_inference_steps, lambda step: settings.guidance_scale > 1, settings.approximations)


def approximated(settings: SamplingSettings) -> tuple[Optimisation, ...]:
    """What the approximations change of the plan, by name."""
    return told(settings.num_inference_steps, lambda step: settings.guidance_scale > 1, settings.approximations)


def combined(prediction: Tensor, negative: Tensor, guidance_scale: float) -> Tensor:
    """Away from the `negative` prediction, each token `[B, N, C]` then scaled back to its length in `prediction`."""
    guided = negative + guidance_scale * (prediction - negative)
    wanted, length = (torch.linalg.vector_norm(one, dim=-1, keepdim=True) for one in (prediction, guided))
    scaled: Tensor = guided * (wanted / length)
    return scaled
