"""A picture as the two networks that look at it want it: the autoencoder at the canvas's area, Qwen2.5-VL smaller."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL.Image import Resampling
from torch import Tensor
from transformers import Qwen2VLImageProcessorPil

from models.base import Image
from models.pixels import to_tensor

MULTIPLE = 32  # of pixels, for both sides of both sizes


@dataclass(frozen=True, slots=True)
class Areas:
    """How many pixels, about, the autoencoder and Qwen2.5-VL are shown of a picture."""

    canvas: int = 1024 * 1024
    glance: int = 384 * 384


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, twice. `pixels`: `[1, 3, H, W]` in [-1, 1] for the autoencoder.

    `patches`: `[n, channels * frames * side * side]`, normalised, for Qwen2.5-VL, which merges each four of them into
    one token; `grid`: how many patches high and wide. `digest`: of the picture as it came.
    """

    pixels: Tensor
    patches: Tensor
    grid: tuple[int, int]
    digest: str

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of `pixels`."""
        return self.pixels.shape[2], self.pixels.shape[3]


def shown(image: Image, areas: Areas, processor: Qwen2VLImageProcessorPil) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """A `Picture`'s pixels, patches and grid."""
    glance = processor(Pillow.fromarray(_resized(image, areas.glance)), return_tensors="pt")
    grid = glance["image_grid_thw"][0]
    return to_tensor(_resized(image, areas.canvas)), glance["pixel_values"], (int(grid[1]), int(grid[2]))


def size_at(area: int, height: int, width: int) -> tuple[int, int]:
    """Height and width about `area` pixels large, in the proportion of those given, as the published pipeline rounds.

    The width is rounded from the exact one, the height from the height that goes with that; each to a MULTIPLE.
    """
    ratio = width / height
    exact = math.sqrt(area * ratio)
    return round(exact / ratio / MULTIPLE) * MULTIPLE, round(exact / MULTIPLE) * MULTIPLE


def _resized(image: Image, area: int) -> Image:
    height, width = size_at(area, *image.shape[:2])
    return np.array(Pillow.fromarray(image).resize((width, height), Resampling.LANCZOS))
