"""The stochastic walk from noise to latents that both conditioners were trained for, and its guidance. Pure functions.

DDIM with eta = 1 and DDPM take the same step: predict the clean latents, go towards them, add fresh noise. The
published schedulers of the family differ only in what lies before the last step: DDIM's is the least noisy step of
training, DDPM's no noise at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from models.transfer import uploaded

NUM_TRAINING_STEPS = 1000

Draw = Callable[[tuple[int, ...]], Tensor]
"""Standard normal noise of a shape `[B, ...]`; each call draws the next."""


@dataclass(frozen=True, slots=True)
class Betas:
    """The noise of training: evenly spaced square roots."""

    start: float = 0.00085
    end: float = 0.012

    @property
    def alphas(self) -> Tensor:
        """`[1000]`, float64: the share of the picture's variance that is left after each training step.

        Multiplied in float32, as diffusers does it.
        """
        betas = torch.linspace(self.start**0.5, self.end**0.5, NUM_TRAINING_STEPS, dtype=torch.float32) ** 2
        return (1 - betas).cumprod(0).double()


@dataclass(frozen=True, slots=True)
class Schedule:
    """`timesteps` `[N]`, from noise to picture; `coefficients` `[N, 3]` of latents, predicted noise and fresh noise.

    `shares` `[N, 2]`: of the clean latents and of noise in the latents before each step.
    """

    timesteps: Tensor
    shares: Tensor
    coefficients: Tensor

    @classmethod
    def of(cls, num_steps: int, *, ends_clean: bool, eta: float = 1.0, betas: Betas | None = None) -> Self:
        """Evenly spaced from the start of training, one step late, as Stable Diffusion's scheduler files say.

        `ends_clean`: whether the last step leaves no noise (DDPM).

        Raises:
            ValueError: `num_steps` is not between 1 and 999.
        """
        if not 1 <= num_steps < NUM_TRAINING_STEPS:
            raise ValueError(f"num_steps must be between 1 and {NUM_TRAINING_STEPS - 1}, not {num_steps}")
        spacing = NUM_TRAINING_STEPS // num_steps
        timesteps = torch.arange(num_steps).flip(0) * spacing + 1
        alphas = (betas or Betas()).alphas
        last = torch.ones(1, dtype=torch.float64) if ends_clean else alphas[:1]
        now, after = alphas[timesteps], torch.cat([alphas[timesteps[1:]], last])
        shares = torch.stack([now.sqrt(), (1 - now).sqrt()], 1)
        return cls(timesteps, shares, _coefficients(now, after, eta))

    def __len__(self) -> int:
        return len(self.timesteps)


def _coefficients(now: Tensor, after: Tensor, eta: float) -> Tensor:
    """Equation 12 of "Denoising Diffusion Implicit Models" (arXiv 2010.02502), with its sigma (16), as a linear map."""
    fresh = eta * ((1 - after) / (1 - now) * (1 - now / after)).clamp(min=0).sqrt()
    along = (1 - after - fresh**2).clamp(min=0).sqrt()
    return torch.stack([(after / now).sqrt(), along - (after * (1 - now) / now).sqrt(), fresh], 1)


@dataclass(slots=True)
class Walk:
    """A batch on its way. `latents`: `[B, 4, h, w]`; `fresh`: the noise of each step `[N, B, 4, h, w]`;
    `coefficients`: `[N, 3]`; all on the device, so that no step waits for the host."""

    latents: Tensor
    fresh: Tensor
    coefficients: Tensor
    num_done: int = 0

    @classmethod
    def of(cls, schedule: Schedule, start: Tensor, draw: Draw, device: torch.device, dtype: torch.dtype) -> Self:
        """`start`: the noise to start from, `[B, 4, h, w]`; `draw` gives each step's, in order."""
        fresh = torch.stack([draw(tuple(start.shape)) for _ in range(len(schedule))])
        start, fresh, coefficients = (
            uploaded(tensor, device, dtype) for tensor in (start, fresh, schedule.coefficients)
        )
        return cls(start, fresh, coefficients)

    def step(self, noise: Tensor) -> None:
        """One step, given the `noise` `[B, 4, h, w]` that the network sees in the latents."""
        kept, removed, added = self.coefficients[self.num_done]
        fresh = self.fresh[self.num_done]
        self.latents = kept * self.latents + removed * noise.to(self.latents.dtype) + added * fresh
        self.num_done += 1


def job_draws(seeds: list[int]) -> Draw:
    """A row of noise for each job, each from its own generator on the CPU."""
    generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]

    def draw(shape: tuple[int, ...]) -> Tensor:
        return torch.stack([torch.randn(shape[1:], generator=generator) for generator in generators])

    return draw


def guided(unconditional: Tensor, conditional: Tensor, scale: float, rescale: float) -> Tensor:
    """Classifier-free guidance (arXiv 2207.12598), then brought towards the conditional's deviation (arXiv 2305.08891).

    `rescale`: 0 leaves it, 1 gives it that deviation, more goes on beyond it.
    """
    noise = unconditional + scale * (conditional - unconditional)
    if rescale == 0:
        return noise
    wanted, actual = (one.flatten(1).std(1)[:, None, None, None] for one in (conditional, noise))
    return noise * (rescale * wanted / actual + 1 - rescale)
