"""Seeded draws for a batch of figures: every answer is `[B, 1, 1]`, so that it broadcasts over `[B, H, W]`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Dice:
    """Draws for `num` figures from one seed; the same seed gives the same figures on every machine."""

    def __init__(self, seed: int, num: int) -> None:
        self.num = num
        self._generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float) -> Tensor:
        return torch.rand(self.num, 1, 1, generator=self._generator) * (high - low) + low

    def flag(self, probability: float) -> Tensor:
        return self.uniform(0, 1) < probability

    def choice(self, weights: Sequence[float]) -> Tensor:
        """An index, `int64 [B, 1, 1]`."""
        drawn = torch.multinomial(torch.tensor(weights), self.num, replacement=True, generator=self._generator)
        return drawn[:, None, None]

    def between(self, index: Tensor, ranges: Sequence[tuple[float, float]]) -> Tensor:
        """Uniform within the range that `index` picks."""
        bounds = torch.tensor(ranges)[index]
        return bounds[..., 0] + self.uniform(0, 1) * (bounds[..., 1] - bounds[..., 0])

    def colour(self, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]) -> Tensor:
        """`[B, 3, 1, 1]` RGB in [0, 1]."""
        h, s, v = (self.uniform(*bounds) for bounds in (hue, saturation, value))
        k = (torch.tensor([5.0, 3.0, 1.0])[None, :, None, None] + h[:, None] * 6) % 6
        ramp = torch.minimum(k, 4 - k).clamp(0, 1)
        return v[:, None] * (1 - s[:, None] * ramp)
