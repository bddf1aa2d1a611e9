"""A batch's way from noise to pictures, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from models.fashn_vton import sampling
from models.fashn_vton.denoising import Conditions, Predictor, predictor
from models.fashn_vton.network import TryOnNetwork
from models.fashn_vton.rotation import wide
from models.fashn_vton.sampling import Sampling
from models.plan import Step


@dataclass(slots=True)
class Walk:
    """A batch under way. `noisy`: `[B, 3, H, W]` in the network's precision; `durations`: the steps', on its device."""

    noisy: Tensor
    guidance_scale: float
    plan: tuple[Step, ...]
    durations: Tensor
    predict: Predictor
    num_steps_done: int = 0

    @classmethod
    def starting(
        cls, network: TryOnNetwork, conditions: Conditions, noise: Tensor, settings: Sampling, *, exact_savings: bool
    ) -> Self:
        """From `noise` `[B, 3, H, W]`, in the precision and on the device of the conditions."""
        times = sampling.schedule(settings.num_inference_steps, settings.time_shift_mu)
        times, plan = times.to(noise.device, wide(noise.dtype)), settings.plan
        predict = predictor(
            network,
            conditions,
            times[:-1, None].expand(-1, len(noise)),
            settings.guidance_scale,
            is_guided=any(step.is_guided for step in plan),
            exact_savings=exact_savings,
        )
        return cls(noise, settings.guidance_scale, plan, times.diff(), predict)

    def step(self) -> None:
        step = self.plan[self.num_steps_done]
        velocity, unconditional = self.predict(self.noisy, self.num_steps_done, step)
        if step.is_guided and unconditional is not None:
            velocity = sampling.guided(velocity, unconditional, self.guidance_scale)
        self.noisy = sampling.euler(self.noisy, velocity, self.durations[self.num_steps_done])
        self.num_steps_done += 1

    @property
    def pictures(self) -> Tensor:
        """`[B, 3, H, W]` in [-1, 1], float32 at least."""
        return self.noisy.to(wide(self.noisy.dtype)).clamp(-1, 1)
