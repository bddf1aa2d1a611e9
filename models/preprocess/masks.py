"""A caller's mask, from whatever picture they drew it in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from models.base import Mask, UnusableInput

MIDDLE = 128


def read_mask(picture: Pillow.Image, size: tuple[int, int]) -> Mask:
    """255 where the picture is at least middle gray and opaque, 0 elsewhere. `size`: as in `checked_mask`.

    Raises:
        UnusableInput: as `checked_mask`.
    """
    return checked_mask(_brightness(picture), size)


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


def _brightness(picture: Pillow.Image) -> npt.NDArray[np.uint8]:
    """Gray in [0, 255], darkened by transparency, whatever the picture's mode."""
    if picture.mode.startswith("I;16"):
        return (np.asarray(picture) >> 8).astype(np.uint8)
    gray, opacity = picture.convert("RGBA").convert("LA").split()
    return np.rint(np.asarray(gray, np.float32) * np.asarray(opacity, np.float32) / 255).astype(np.uint8)
