"""How a picture is laid on a model's canvas, and the note of it that leads back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL.Image import Resampling

from models.base import Image

Pixels = npt.NDArray[np.uint8]
"""`uint8 [H, W]` or `uint8 [H, W, 3]`."""


class Box(NamedTuple):
    """Whole pixels, `x0 <= x < x1` and `y0 <= y < y1`."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def slices(self) -> tuple[slice, slice]:
        """What it cuts out of an array `[H, W, ...]`."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture lies on a canvas: the box of the picture that is shown, and the box of the canvas that it fills.

    `size`: (height, width) of the picture.
    """

    source: Box
    target: Box
    size: tuple[int, int]


def letterbox(image: Image, height: int, width: int, *, fill: int) -> tuple[Image, Fit]:
    """The whole picture, as large as it can be, centred on a canvas that is padded by `fill`."""
    shown = _whole(image)
    scale = min(height / shown.height, width / shown.width)
    rows, columns = (max(1, round(side * scale)) for side in (shown.height, shown.width))
    top, left = (height - rows) // 2, (width - columns) // 2
    fit = Fit(shown, Box(left, top, left + columns, top + rows), image.shape[:2])
    return apply(fit, image, height=height, width=width, fill=fill, nearest=False), fit


def cover(image: Image, height: int, width: int) -> tuple[Image, Fit]:
    """The canvas filled by the largest centred part of the picture that has its shape."""
    rows, columns = image.shape[:2]
    if columns * height < rows * width:
        shown = _centred(rows, columns, max(1, columns * height // width), columns)
    else:
        shown = _centred(rows, columns, rows, max(1, rows * width // height))
    fit = Fit(shown, Box(0, 0, width, height), (rows, columns))
    return apply(fit, image, height=height, width=width, fill=0, nearest=False), fit


def apply(fit: Fit, picture: Pixels, *, height: int, width: int, fill: int, nearest: bool) -> Pixels:
    """An array of the picture's size, laid on a canvas as `fit` says; `nearest` keeps its values as they are."""
    assert picture.shape[:2] == fit.size, f"{picture.shape[:2]} is not the size of the picture, {fit.size}"
    canvas = np.full((height, width, *picture.shape[2:]), fill, np.uint8)
    shown = np.ascontiguousarray(picture[fit.source.slices])
    resample = Resampling.NEAREST if nearest else None
    canvas[fit.target.slices] = resized(shown, fit.target.height, fit.target.width, resample)
    return canvas


def resized(picture: Pixels, height: int, width: int, resample: Resampling | None = None) -> Pixels:
    """At another size: by area averages when it shrinks and by Lanczos when it grows, unless `resample` says how."""
    if picture.shape[:2] == (height, width):
        return picture.copy()
    if resample is None:
        shrinks = height * width < picture.shape[0] * picture.shape[1]
        resample = Resampling.BOX if shrinks else Resampling.LANCZOS
    return np.asarray(Pillow.fromarray(picture).resize((width, height), resample))


def _whole(image: Image) -> Box:
    return Box(0, 0, image.shape[1], image.shape[0])


def _centred(rows: int, columns: int, height: int, width: int) -> Box:
    top, left = (rows - height) // 2, (columns - width) // 2
    return Box(left, top, left + width, top + height)
