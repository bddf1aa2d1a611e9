from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.preprocess.morphology import filled, widened


def region(height: int, width: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width)) < share


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 25), st.integers(0, 25), st.integers(0, 9))
def test_widening_is_the_union_of_all_shifts(height: int, width: int, sideways: int, upright: int, seed: int) -> None:
    dots = region(height, width, 0.05, seed)
    expected = np.zeros_like(dots)
    for y, x in np.argwhere(dots):
        expected[max(0, y - upright) : y + upright + 1, max(0, x - sideways) : x + sideways + 1] = True
    np.testing.assert_array_equal(widened(dots, sideways, upright), expected)


def flooded(walls: np.ndarray) -> np.ndarray:
    """What is not reached from outside, one pixel at a time."""
    free = np.pad(~walls, 1, constant_values=True)
    stack, seen = [(0, 0)], np.zeros_like(free)
    while stack:
        y, x = stack.pop()
        if 0 <= y < free.shape[0] and 0 <= x < free.shape[1] and free[y, x] and not seen[y, x]:
            seen[y, x] = True
            stack += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return ~seen[1:-1, 1:-1]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.floats(0.2, 0.8), st.integers(0, 99))
def test_holes_are_what_a_flood_from_outside_does_not_reach(height: int, width: int, share: float, seed: int) -> None:
    walls = region(height, width, share, seed)
    np.testing.assert_array_equal(filled(walls), flooded(walls))


def test_a_spiral_is_no_hole() -> None:
    spiral = np.zeros((41, 41), bool)
    for k in range(0, 18, 2):
        spiral[k, k : 41 - k] = spiral[41 - 1 - k, k : 41 - k] = True
        spiral[k : 41 - k, k] = spiral[k : 41 - k, 40 - k] = True
        spiral[k + 1, k] = False
    np.testing.assert_array_equal(filled(spiral), flooded(spiral))
