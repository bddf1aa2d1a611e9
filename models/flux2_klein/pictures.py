"""Photographs on their way in: the canvas of the person, and pictures the network looks at."""

from __future__ import annotations

import math

from PIL.Image import Resampling

from models.base import Image
from models.preprocess.fitting import Box, Fit, apply, resized

LARGEST_REFERENCE = 1024 * 1024  # pixels
SMALLEST_SIDE = 64  # pixels, of what the published pipeline takes


def on_canvas(photograph: Image, part: Box, num_pixels: int, cell: int) -> tuple[Image, Fit]:
    """A part of the photograph at about `num_pixels`, its sides multiples of `cell`.

    Its shape is the part's up to that rounding, so the whole part is shown and none of its rim is left as it was.
    """
    scale = math.sqrt(num_pixels / (part.height * part.width))
    height, width = (max(1, round(side * scale / cell)) * cell for side in (part.height, part.width))
    fit = Fit(part, Box(0, 0, width, height), photograph.shape[:2])
    return apply(fit, photograph, height=height, width=width, fill=0, nearest=False), fit


def reference(picture: Image, cell: int) -> Image:
    """What the published pipeline makes of a reference: at most a megapixel, cut to multiples of `cell` centrally."""
    height, width = picture.shape[:2]
    if height * width > LARGEST_REFERENCE:
        scale = math.sqrt(LARGEST_REFERENCE / (height * width))
        picture = resized(picture, int(height * scale), int(width * scale), Resampling.LANCZOS)
        height, width = picture.shape[:2]
    rows, columns = height // cell * cell, width // cell * cell
    top, left = (height - rows) // 2, (width - columns) // 2
    return picture[top : top + rows, left : left + columns]
