"""A caller's mask, checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.base import Mask, UnusableInput

MIDDLE = 128


def checked_mask(mask: npt.NDArray[np.uint8], size: tuple[int, int]) -> Mask:
    """A mask of grays as one of 0 and 255. `size`: (height, width) of the person's photograph.

    Raises:
        UnusableInput: it has another size, or leaves nothing to draw.
    """
    if mask.shape != size:
        wanted, given = (f"{shape[1]}x{shape[0]}" for shape in (size, mask.shape))
        raise UnusableInput("person", f"The mask must be as large as the photograph, {wanted} pixels, not {given}.")
    if not (mask >= MIDDLE).any():
        raise UnusableInput("person", "The mask is black all over, so nothing may be drawn. Paint it white somewhere.")
    return np.where(mask >= MIDDLE, np.uint8(255), np.uint8(0))
