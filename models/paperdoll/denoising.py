"""One look of the denoiser: noisy picture and composition in, parts, light and the predicted clean picture out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.paperdoll.composition import NUM_PARTS, Composition, mix
from models.sampling import scaled

NUM_CONDITIONS = 3 + 3 + 1 + NUM_PARTS + 8
Denoise = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
BRIGHTEST = 0.6  # the most that light adds or takes, as a share


@dataclass(frozen=True, slots=True)
class Scene:
    """What the denoiser works on: `person` `[B, 3, 128, 96]` in [0, 1], `conditions` `[B, C, 128, 96]`."""

    person: Tensor
    composition: Composition
    conditions: Tensor

    @classmethod
    def of(cls, person: Tensor, composition: Composition) -> Scene:
        seen = torch.where(composition.mask > 0, composition.picture, person)
        logits = composition.logits / 4 + 0.5
        conditions = torch.cat([seen * 2 - 1, person * 2 - 1, composition.mask, logits, composition.hints], 1)
        return cls(person, composition, conditions.contiguous(memory_format=torch.channels_last))

    def rows(self, chosen: Tensor) -> Scene:
        """Some of the batch, by index."""
        return Scene(self.person[chosen], self.composition.rows(chosen), self.conditions[chosen])


@dataclass(frozen=True, slots=True)
class Look:
    """`logits` and `brightness` `[B, 7, h, w]`, `picture` `[B, 3, h, w]` in [0, 1]."""

    logits: Tensor
    brightness: Tensor
    picture: Tensor


def look(denoiser: Denoise, scene: Scene, noisy: Tensor, time: Tensor) -> Look:
    """Predict the clean picture from `noisy` (about [-1, 1]) at `time` `[B]`."""
    composition = scene.composition
    seen = torch.where(composition.mask > 0, scaled(noisy, time), scene.person * 2 - 1)
    changes, light = denoiser(seen, scene.conditions, time)
    logits, brightness = composition.logits + changes, 1 + BRIGHTEST * torch.tanh(light)
    return Look(
        logits, brightness, compose(composition.layers, logits.softmax(1), brightness, composition.mask, scene.person)
    )


def compose(layers: Tensor, parts: Tensor, brightness: Tensor, mask: Tensor, person: Tensor) -> Tensor:
    """Lit layers mixed by parts where `mask` is 1; the person's own picture, untouched, elsewhere."""
    return torch.where(mask > 0, mix(layers, parts * brightness).clamp(0, 1), person)
