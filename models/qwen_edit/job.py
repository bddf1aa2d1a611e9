"""One try-on on its way: what enters the networks, and how what comes out enters the photograph."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.base import Image, TryOnInputs
from models.pixels import to_image
from models.preprocess.compositing import restore
from models.preprocess.fitting import Box, Fit
from models.qwen_edit.coder import DOWNSCALING, packed
from models.qwen_edit.pictures import Picture
from models.sampling import job_noise


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
        canvas = to_image((pixels[0].float() / 2 + 0.5).clamp(0, 1))
        rows, columns = self.inputs.person.shape[:2]
        height, width = self.person.size
        fit = Fit(Box(0, 0, columns, rows), Box(0, 0, width, height), (rows, columns))
        return restore(self.inputs.person, canvas, fit, self.inputs.mask)
