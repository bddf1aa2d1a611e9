"""One try-on on its way: what enters the networks, and how what comes out enters the photograph."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.base import Image, TryOnInputs
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

    @property
    def persons(self) -> tuple[str, ...]:
        """Digests of whom it shows."""
        return (self.person.digest,)

    def noise(self, num_channels: int) -> Tensor:
        """Its start, tokens `[1, N, C]`: drawn as latents, as published, from the job's seed."""
        height, width = (side // DOWNSCALING for side in self.person.size)
        return packed(job_noise(self.inputs.seed, (1, num_channels // 4, height, width)))

    def in_photograph(self, canvas: Image) -> Image:
        """The canvas at the photograph's size, in the mask if there is one."""
        rows, columns = self.inputs.person.shape[:2]
        height, width = self.person.size
        fit = Fit(Box(0, 0, columns, rows), Box(0, 0, width, height), (rows, columns))
        return restore(self.inputs.person, canvas, fit, self.inputs.mask)
