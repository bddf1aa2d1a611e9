"""Where a photograph lies on CatVTON's canvas: around its middle, as published, but with all that may be drawn."""

from __future__ import annotations

import numpy as np

from models.base import Image, Mask
from models.preprocess.fitting import Box, Fit, cover, letterbox

WHITE = 255


def covering(person: Image, mask: Mask, height: int, width: int) -> tuple[Image, Fit]:
    """The largest part of the photograph that has the canvas's shape, from its middle, if it holds the whole `mask`.

    Else it is moved to hold it; and where the mask is longer than that part, the part grows, and white fills up.
    """
    canvas, fit = cover(person, height, width)
    box, rows, columns = fit.source, np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, right = _moved(box.x0, box.x1, int(columns[0]), int(columns[-1]) + 1)
    top, bottom = _moved(box.y0, box.y1, int(rows[0]), int(rows[-1]) + 1)
    holding = Box(left, top, right, bottom)
    if holding == box:
        return canvas, fit
    canvas, laid = letterbox(person[holding.slices], height, width, fill=WHITE)
    return canvas, Fit(holding, laid.target, fit.size)


def _moved(start: int, end: int, first: int, last: int) -> tuple[int, int]:
    """The stretch, moved as little as lets it hold [first, last]; these, where they are longer."""
    if last - first >= end - start:
        return first, last
    by = min(first - start, 0) + max(last - end, 0)
    return start + by, end + by
