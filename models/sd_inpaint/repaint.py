"""The published composites: the person's own pixels outside the mask, faded by a Gauss."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageFilter

from models.base import Image, Mask

KERNELS = {"catvton": 50, "leffa": 100}
"""The height of the picture over the deviation of the Gauss."""


def repainted(person: Image, result: Image, mask: Mask, heights: int) -> Image:
    """`uint8 [H, W, 3]` from pictures and a mask of one size; `heights`: of `KERNELS`. The deviation is made odd."""
    deviation = len(mask) // heights
    deviation += 1 - deviation % 2
    blurred = Pillow.fromarray(mask).filter(ImageFilter.GaussianBlur(deviation))
    weight: npt.NDArray[np.float64] = np.asarray(blurred)[..., None] / 255
    return (person * (1 - weight) + result * weight).astype(np.uint8)
