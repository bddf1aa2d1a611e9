"""What is painted on: labelled pixels, and the background of a figure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.paperdoll.dice import Dice
from models.paperdoll.patterns import inside

BACKGROUND, TORSO, LEFT_SLEEVE, RIGHT_SLEEVE, SKIN, TROUSERS, HEAD, HAND = range(8)
NUM_LABELS = 8


@dataclass(slots=True)
class Canvas:
    """`colours` `[B, 3, H, W]` in [0, 1] and the topmost `labels` `int64 [B, H, W]`."""

    colours: Tensor
    labels: Tensor

    def lay(self, coverage: Tensor, colours: Tensor, label: int) -> None:
        """Paint over with `coverage` `[B, H, W]`; `colours` broadcasts to `[B, 3, H, W]`."""
        self.colours = torch.lerp(self.colours, colours.expand_as(self.colours), coverage[:, None])
        self.labels = torch.where(coverage > 0.5, label, self.labels)

    def darken(self, amount: Tensor) -> None:
        """Darken what is already there, but for the background; `amount` `[B, H, W]` in [0, 1]."""
        self.colours = self.colours * (1 - amount * (self.labels != BACKGROUND))[:, None]


@dataclass(frozen=True, slots=True)
class Scene:
    """A background for a figure; colours `[B, 3, 1, 1]`, the rest `[B, 1, 1]`."""

    first: Tensor
    second: Tensor
    floor: Tensor
    panel: Tensor
    tilt: Tensor
    floor_top: Tensor
    panel_x: Tensor
    panel_y: Tensor
    panel_size: Tensor

    @classmethod
    def draw(cls, dice: Dice) -> Scene:
        first = dice.colour((0, 1), (0, 0.5), (0.3, 1))
        second = torch.where(
            dice.flag(0.5)[:, None], first * dice.uniform(0.65, 1.0)[:, None], dice.colour((0, 1), (0, 0.5), (0.3, 1))
        )
        return cls(
            first=first,
            second=second,
            floor=dice.colour((0, 1), (0, 0.4), (0.2, 0.85)),
            panel=dice.colour((0, 1), (0, 0.8), (0.2, 1)),
            tilt=dice.uniform(-0.6, 0.6),
            floor_top=torch.where(dice.flag(0.5), dice.uniform(0.5, 0.9), 2.0),
            panel_x=dice.uniform(-0.75, 0.75),
            panel_y=dice.uniform(-0.8, 0.2),
            panel_size=torch.where(dice.flag(0.45), dice.uniform(0.1, 0.24), 0.0),
        )

    def paint(self, grid: Tensor, pixel: float) -> Canvas:
        x, y = grid[..., 0][None], grid[..., 1][None]
        blend = (0.5 + 0.5 * (y + self.tilt * x)).clamp(0, 1)
        canvas = Canvas(torch.lerp(self.first, self.second, blend[:, None]), torch.zeros_like(blend, dtype=torch.int64))
        panel = torch.maximum(
            (x - self.panel_x).abs() - self.panel_size, (y - self.panel_y).abs() - self.panel_size * 1.3
        )
        canvas.lay(inside(panel, pixel) * (self.panel_size > 0), self.panel, BACKGROUND)
        canvas.lay(inside(self.floor_top - y, pixel), self.floor, BACKGROUND)
        return canvas
