from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.Image import Resampling

from models.preprocess.compositing import restore
from models.preprocess.fitting import Box, Fit, apply, cover, letterbox, resized

SIDES = st.integers(1, 80)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_a_letterboxed_picture_lies_whole_centred_and_in_shape_on_the_canvas(
    rows: int, columns: int, height: int, width: int
) -> None:
    image = np.full((rows, columns, 3), 200, np.uint8)
    canvas, fit = letterbox(image, height, width, fill=7)
    target = fit.target
    assert canvas.shape == (height, width, 3)
    assert fit.source == Box(0, 0, columns, rows)
    assert 0 <= target.x0 < target.x1 <= width
    assert 0 <= target.y0 < target.y1 <= height
    assert abs(target.x0 - (width - target.x1)) <= 1
    assert abs(target.y0 - (height - target.y1)) <= 1
    assert (canvas[target.slices] == 200).all()
    assert (canvas == 7).all(-1).sum() == height * width - target.height * target.width
    scale = min(height / rows, width / columns)
    assert abs(target.height - max(rows * scale, 1)) <= 0.5
    assert abs(target.width - max(columns * scale, 1)) <= 0.5


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_a_covering_picture_leaves_no_padding_and_cuts_both_sides_alike(
    rows: int, columns: int, height: int, width: int
) -> None:
    canvas, fit = cover(np.full((rows, columns, 3), 200, np.uint8), height, width)
    source = fit.source
    assert (canvas == 200).all()
    assert source.height == rows or source.width == columns
    assert abs(source.x0 - (columns - source.x1)) <= 1
    assert abs(source.y0 - (rows - source.y1)) <= 1
    assert abs(source.width * height / width - source.height) <= max(1, height / width)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.booleans())
def test_what_was_laid_out_is_restored_to_its_place(
    rows: int, columns: int, height: int, width: int, covering: bool
) -> None:
    """A photograph in two colours: the source box is painted, and comes back at its place and nowhere else."""
    person = np.full((rows, columns, 3), 30, np.uint8)
    _, fit = cover(person, height, width) if covering else letterbox(person, height, width, fill=0)
    painted = person.copy()
    painted[fit.source.slices] = 220
    canvas = apply(fit, painted, height=height, width=width, fill=0, nearest=False)
    np.testing.assert_array_equal(restore(person, canvas, fit, feather=0), painted)


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 60), st.integers(8, 60), st.integers(1, 3))
def test_a_picture_that_only_moves_on_the_canvas_comes_back_exactly(rows: int, columns: int, margin: int) -> None:
    image = noise(rows, columns)
    fit = Fit(Box(0, 0, columns, rows), Box(margin, 0, margin + columns, rows), (rows, columns))
    canvas = apply(fit, image, height=rows + margin, width=columns + 2 * margin, fill=0, nearest=False)
    np.testing.assert_array_equal(restore(np.zeros_like(image), canvas, fit), image)


def test_a_smooth_picture_survives_the_way_to_the_canvas_and_back() -> None:
    y, x = np.mgrid[:90, :70]
    image = np.stack([2 * y, 3 * x, y + x], -1).astype(np.uint8)
    canvas, fit = letterbox(image, 200, 160, fill=0)
    back = restore(np.zeros_like(image), canvas, fit)
    assert np.abs(back.astype(int) - image).max() <= 2


def test_a_part_is_shown_alone_and_returns_to_its_place() -> None:
    image = noise(40, 50)
    fit = Fit(Box(10, 5, 40, 25), Box(0, 0, 30, 20), (40, 50))
    canvas = apply(fit, image, height=20, width=30, fill=0, nearest=False)
    np.testing.assert_array_equal(canvas, image[5:25, 10:40])
    back = restore(np.zeros_like(image), canvas, fit, feather=0)
    np.testing.assert_array_equal(back[5:25, 10:40], image[5:25, 10:40])
    assert back.sum() == image[5:25, 10:40].sum()


@pytest.mark.parametrize("size", [(30, 20), (90, 100)])
def test_labels_laid_by_nearest_are_the_same_labels_in_the_same_places(size: tuple[int, int]) -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[20:40, 20:40] = 9
    _, fit = letterbox(np.zeros((60, 60, 3), np.uint8), *size, fill=0)
    laid = apply(fit, labels, height=size[0], width=size[1], fill=0, nearest=True)
    assert set(np.unique(laid)) == {0, 9}
    rows = np.flatnonzero((laid == 9).any(1))
    scale = fit.target.height / 60
    assert abs(rows[0] - fit.target.y0 - 20 * scale) <= 1
    assert abs(rows[-1] + 1 - fit.target.y0 - 40 * scale) <= 1


def test_shrinking_averages_areas_and_growing_keeps_edges() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (8, 4))
    assert set(np.unique(resized(stripes, 4, 4))) <= {127, 128}
    assert resized(stripes, 8, 8) is not stripes
    grown = resized(np.array([[0, 255]], np.uint8), 1, 8)
    np.testing.assert_array_equal(grown, resized(np.array([[0, 255]], np.uint8), 1, 8, Resampling.LANCZOS))


def test_inputs_are_left_alone() -> None:
    image = noise(30, 20)
    before = image.copy()
    for canvas, _ in (letterbox(image, 30, 20, fill=0), cover(image, 30, 20)):
        canvas[:] = 0
        np.testing.assert_array_equal(image, before)
