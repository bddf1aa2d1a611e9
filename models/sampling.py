"""The diffusion: a straight path from a picture (t = 0) to noise (t = 1), walked back in steps. Pure functions.

Pictures are `[B, 3, H, W]` about [-1, 1]; times are `[B]` in [0, 1] or plain floats.
"""

from __future__ import annotations

import torch
from torch import Tensor


def schedule(num_steps: int) -> list[tuple[float, float]]:
    """(t, next t) of each step, from 1 down to 0, evenly spaced.

    Raises:
        ValueError: `num_steps` < 1.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, not {num_steps}")
    return [(1 - k / num_steps, 1 - (k + 1) / num_steps) for k in range(num_steps)]


def noised(picture: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """The picture at `time` `[B]` on the path."""
    t = time[:, None, None, None]
    return (1 - t) * picture + t * noise


def scaled(noisy: Tensor, time: Tensor) -> Tensor:
    """`noisy` as a network sees it: the least-squares guess of the picture, nothing at t = 1."""
    t = time[:, None, None, None]
    return noisy * (1 - t) / ((1 - t) ** 2 + t**2)


def step(noisy: Tensor, picture: Tensor, time: float, next_time: float) -> Tensor:
    """Walk from `time` to `next_time` along the line through the predicted `picture` (deterministic DDIM)."""
    return picture + (noisy - picture) * (next_time / time)


def job_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of one job, from its own generator, so that batch-mates do not change it."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed % 2**63))
