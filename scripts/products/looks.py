"""What is poor about a product's picture, told from its pixels: too small, busy, or with several garments in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

SMALLEST = 512  # pixels of the shorter side: below it, what models look at is enlarged
GRID = 64  # pixels of the longer side, at which backgrounds are looked at
FRAME = 0.06  # of the shorter side: what lies at the rim is background
FAR = 36.0  # in RGB: further from the rim's colour than this is not background
MOST_BUSY = 0.35  # of the rim
SEVERAL = 0.06  # of the picture: pieces at least so large are garments


def problems_of(picture: Image.Image) -> list[str]:
    """In sentences; nothing for a good picture."""
    return list(_problems(picture))


def _problems(picture: Image.Image) -> Iterator[str]:
    width, height = picture.size
    if min(width, height) < SMALLEST:
        yield f"It is small: {width} x {height} pixels. Upload one with at least {SMALLEST} on each side."
    pixels = _small(picture)
    rim = _rim(pixels.shape[0], pixels.shape[1])
    colour = np.median(pixels[rim], axis=0)
    is_far = np.linalg.norm(pixels - colour, axis=-1) > FAR
    if is_far[rim].mean() > MOST_BUSY:
        yield "Its background is busy. Show the garment before a plain one."
        return
    pieces = [size for size in _pieces(is_far) if size >= SEVERAL * is_far.size]
    if len(pieces) > 1:
        yield f"It seems to show {len(pieces)} things. Show the one garment alone."


def _small(picture: Image.Image) -> NDArray[np.float32]:
    layer = picture.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    flat.thumbnail((GRID, GRID))
    return np.asarray(flat, np.float32)


def _rim(height: int, width: int) -> Mask:
    thickness = max(1, round(FRAME * min(height, width)))
    rim = np.ones((height, width), bool)
    rim[thickness:-thickness, thickness:-thickness] = False
    return rim


def _pieces(mask: Mask) -> Iterator[int]:
    """Sizes of the connected parts, in pixels."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    while left:
        edge, size = [left.pop()], 0
        while edge:
            y, x = edge.pop()
            size += 1
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            edge.extend(near)
        yield size
