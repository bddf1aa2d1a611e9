"""Regions grown and filled, in time that does not depend on by how much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Region = npt.NDArray[np.bool_]
"""`bool [H, W]`."""


def widened(region: Region, sideways: int, upright: int) -> Region:
    """Grown by so many pixels to the left and the right, and up and down: dilated by a rectangle."""
    return _spread(_spread(region, sideways).T, upright).T


def filled(region: Region) -> Region:
    """With its holes: all that cannot be reached from the picture's border around it, in steps along the axes.

    Whole runs of free pixels are reached at once, along rows and columns in turn, until no more are.
    """
    free = np.pad(~region, 1, constant_values=True)
    reached = np.zeros_like(free)
    reached[0] = True
    before = 0
    while (count := int(np.count_nonzero(reached))) > before:
        before = count
        reached = _along_runs(_along_runs(reached.T, free.T).T, free)
    return ~reached[1:-1, 1:-1]


def _spread(region: Region, radius: int) -> Region:
    """Each row's pixels with `radius` more on both sides: those whose window counts any."""
    if radius == 0:
        return region
    counts = np.cumsum(np.pad(region, ((0, 0), (radius + 1, radius))), axis=1, dtype=np.int32)
    window = 2 * radius + 1
    spread: Region = counts[:, window:] > counts[:, :-window]
    return spread


def _along_runs(reached: Region, free: Region) -> Region:
    """All pixels of the rows' free runs in which any is reached."""
    starts = np.ones_like(free)
    starts[:, 1:] = free[:, 1:] != free[:, :-1]
    runs = np.cumsum(starts) - 1
    touched = np.zeros(int(runs[-1]) + 1, np.bool_)
    touched[runs[reached.ravel()]] = True
    spread: Region = touched[runs].reshape(free.shape) & free
    return spread
