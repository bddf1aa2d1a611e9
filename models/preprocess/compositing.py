"""The canvas back in the photograph, which keeps every byte that was not generated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.base import Image, Mask
from models.preprocess.fitting import Box, Fit, resized

Weights = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

FEATHER = 0.01  # of the shown part's height


def restore(person: Image, generated: Image, fit: Fit, mask: Mask | None = None, *, feather: float = FEATHER) -> Image:
    """The photograph with what was `generated` on the canvas, at the photograph's own size.

    It replaces the box of the photograph that `fit` shows, where `mask` (of the photograph's size) allows it; every
    other byte is the photograph's. The seam fades over `feather` times the box's height, on the inside; where the box
    ends with the photograph there is no seam.
    """
    box = _within_mask(fit.source, mask)
    restored = person.copy()
    if box is None:
        return restored
    shown = np.ascontiguousarray(generated[fit.target.slices])
    shown = resized(shown, fit.source.height, fit.source.width)
    shown = shown[box.y0 - fit.source.y0 : box.y1 - fit.source.y0, box.x0 - fit.source.x0 : box.x1 - fit.source.x0]
    weights = _seam(fit, mask, box, round(feather * fit.source.height))[..., None]
    kept = person[box.slices]
    restored[box.slices] = np.rint(kept + weights * (shown.astype(np.float32) - kept)).astype(np.uint8)
    return restored


def _within_mask(source: Box, mask: Mask | None) -> Box | None:
    """The smallest box that holds all that may change."""
    if mask is None:
        return source
    allowed = mask[source.slices] > 0
    if not allowed.any():
        return None
    rows, columns = np.flatnonzero(allowed.any(1)), np.flatnonzero(allowed.any(0))
    return Box(
        source.x0 + int(columns[0]),
        source.y0 + int(rows[0]),
        source.x0 + int(columns[-1]) + 1,
        source.y0 + int(rows[-1]) + 1,
    )


def _seam(fit: Fit, mask: Mask | None, box: Box, radius: int) -> Weights:
    """How much of the generated picture to take, `[h, w]` of `box`: 0 outside the mask, 1 from `radius` pixels inside,
    or where it is deepest, if nothing of it is that deep.

    A ring of one pixel around the box tells its inner edges from those that it shares with the photograph.
    """
    height, width = fit.size
    ring = Box(max(box.x0 - 1, 0), max(box.y0 - 1, 0), min(box.x1 + 1, width), min(box.y1 + 1, height))
    inner = (slice(box.y0 - ring.y0, box.y1 - ring.y0), slice(box.x0 - ring.x0, box.x1 - ring.x0))
    allowed = np.zeros((ring.height, ring.width), np.bool_)
    allowed[inner] = True if mask is None else mask[box.slices] > 0
    depth = _depth(allowed, max(radius, 1))[inner]
    weights: Weights = np.divide(depth, depth.max(), dtype=np.float32)
    return weights if mask is None else weights * np.divide(mask[box.slices], 255, dtype=np.float32)


def _depth(allowed: Flags, radius: int) -> npt.NDArray[np.uint16]:
    """How many pixels deep in the region each pixel lies, at most `radius`; beyond the array the region goes on.

    Taking away the four and the eight neighbours in turn measures distance by an octagon, close to a circle.
    """
    depth = allowed.astype(np.uint16)
    left = allowed.copy()
    for layer in range(1, radius):
        left = _eroded(left, corners=layer % 2 == 0)
        depth += left
    return depth


def _eroded(region: Flags, *, corners: bool) -> Flags:
    along = region.copy()
    along[:, 1:] &= region[:, :-1]
    along[:, :-1] &= region[:, 1:]
    across = along if corners else region
    eroded = along.copy()
    eroded[1:] &= across[:-1]
    eroded[:-1] &= across[1:]
    return eroded
