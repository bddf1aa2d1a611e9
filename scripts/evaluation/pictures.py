"""Pictures and masks as they are judged: upright RGB of one size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageOps

from models.base import Image
from scripts.evaluation.run_folder import RunError

Region = npt.NDArray[np.bool_]
Size = tuple[int, int]
"""Height and width in pixels."""

SHAPE_TOLERANCE = 0.02  # of the ratio of the sides: more than rounding to multiples of eight makes of it


def size_of(path: Path) -> Size:
    """Of an upright picture."""
    with opened(path) as picture:
        return picture.height, picture.width


def read_picture(path: Path, size: Size, *, any_shape: bool = False) -> Image:
    """A picture in `size`, by Lanczos when it has another; `any_shape` takes its sides in another ratio, too.

    Raises:
        RunError: it cannot be read, or its sides have another ratio.
    """
    with opened(path) as picture:
        rgb = picture.convert("RGB")
        if any_shape:
            return np.asarray(rgb.resize(size[::-1], Pillow.Resampling.LANCZOS))
        return np.asarray(_fitted(rgb, size, Pillow.Resampling.LANCZOS, path))


def read_mask(path: Path, size: Size) -> Region:
    """Where a mask is white (at least half), in `size`, by nearest neighbour when it has another; raises as above."""
    with opened(path) as picture:
        return np.asarray(_fitted(picture.convert("L"), size, Pillow.Resampling.NEAREST, path)) >= 128


def opened(path: Path) -> Pillow.Image:
    """Upright; raises `RunError` where it cannot be read."""
    try:
        with Pillow.open(path) as picture:
            return ImageOps.exif_transpose(picture)
    except OSError as error:
        raise RunError(f"{path} cannot be read as a picture ({error}).") from error


def _fitted(picture: Pillow.Image, size: Size, how: Pillow.Resampling, path: Path) -> Pillow.Image:
    height, width = size
    if (picture.height, picture.width) == size:
        return picture
    if abs(picture.width * height / (picture.height * width) - 1) > SHAPE_TOLERANCE:
        raise RunError(
            f"{path} is {picture.height} x {picture.width} pixels, which cannot be compared at {height} x {width}: "
            "its sides have another ratio. Choose another size, or cut the pictures alike."
        )
    return picture.resize((width, height), how)
