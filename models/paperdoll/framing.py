"""Pictures of any shape in the 3:4 frame that the networks know, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from models.base import Image


def to_tensor(picture: Image) -> Tensor:
    """`uint8 [H, W, 3]` to `[1, 3, H, W]` in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels to add around a picture so that it is 3:4; its edge colours fill them."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def around(cls, picture: Image) -> Self:
        height, width = picture.shape[:2]
        down, across = max(0, round(width * 4 / 3) - height), max(0, round(height * 3 / 4) - width)
        return cls(down // 2, down - down // 2, across // 2, across - across // 2)

    def padded(self, picture: Image) -> Image:
        return np.pad(picture, ((self.top, self.bottom), (self.left, self.right), (0, 0)), mode="edge")

    def small(self, picture: Image, height: int, width: int) -> Tensor:
        """`[1, 3, height, width]` in [0, 1]."""
        return to_tensor(
            np.asarray(Pillow.fromarray(self.padded(picture)).resize((width, height), Pillow.Resampling.BOX))
        )

    def cropped(self, picture: Image, original: Image) -> Image:
        """A picture of the padded size, back to the original's size."""
        height, width = original.shape[:2]
        return np.ascontiguousarray(picture[self.top : self.top + height, self.left : self.left + width])

    def inner(self, field: Tensor, original: Image) -> Tensor:
        """`[..., H, W]` of the padded size without the padding."""
        height, width = original.shape[:2]
        return field[..., self.top : self.top + height, self.left : self.left + width]
