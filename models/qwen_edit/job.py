"""One try-on on its way: what is refused, what enters the networks, and how what comes out enters the photograph."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from models.base import Image, TryOnInputs, UnusableInput
from models.preprocess.compositing import restore
from models.preprocess.fitting import Box, Fit
from models.qwen_edit.coder import DOWNSCALING, packed
from models.qwen_edit.pictures import Picture
from models.sampling import job_noise

SMALLEST, NARROWEST = 16, 6  # pixels of a side; times as long as wide
NAMES = {"person": "photograph", "garment": "garment's picture"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """One job. `chats`: tokens of the instruction, and of the negative one."""

    inputs: TryOnInputs
    person: Picture
    garment: Picture
    chats: tuple[list[int], list[int]]

    def noise(self, num_channels: int) -> Tensor:
        """Its start, tokens `[1, N, C]`: drawn as latents, as published, from the job's seed."""
        height, width = (side // DOWNSCALING for side in self.person.size)
        return packed(job_noise(self.inputs.seed, (1, num_channels // 4, height, width)))

    def in_photograph(self, pixels: Tensor) -> Image:
        """`pixels` `[1, 3, H, W]` in [-1, 1] of the canvas, at the photograph's size, in the mask if there is one."""
        canvas = ((pixels[0].float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
        rows, columns = self.inputs.person.shape[:2]
        height, width = self.person.size
        fit = Fit(Box(0, 0, columns, rows), Box(0, 0, width, height), (rows, columns))
        return restore(self.inputs.person, canvas.cpu().numpy(), fit, self.inputs.mask)


def refuse_unusable(inputs: TryOnInputs, categories: Collection[str]) -> None:
    """That all of it can be worked with.

    Raises:
        UnusableInput: a picture is too small or too narrow, or the mask or the category is none for it.
    """
    if inputs.category not in categories:
        raise UnusableInput("garment", "This model does not know that kind of garment. Please choose another one.")
    for which, picture in (("person", inputs.person), ("garment", inputs.garment)):
        shorter, longer = sorted(picture.shape[:2])
        if shorter < SMALLEST:
            raise UnusableInput(
                which, f"The {NAMES[which]} is too small. Please use one of at least {SMALLEST} pixels a side."
            )
        if longer > NARROWEST * shorter:
            raise UnusableInput(which, f"The {NAMES[which]} is too narrow. Please use one that is less stretched.")
    if inputs.mask is not None and inputs.mask.shape != inputs.person.shape[:2]:
        raise UnusableInput("person", "The mask must be of the photograph's size.")
