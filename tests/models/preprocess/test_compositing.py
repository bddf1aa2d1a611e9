from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.preprocess.compositing import restore
from models.preprocess.fitting import Box, Fit, letterbox

PERSON = np.random.default_rng(1).integers(0, 256, (120, 90, 3), np.uint8)
FAR = 255 - PERSON  # differs from the photograph in (nearly) every byte


def within(box: Box) -> Fit:
    """The box at its own size on a canvas that it fills."""
    return Fit(box, Box(0, 0, box.width, box.height), PERSON.shape[:2])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_outside_the_box_and_the_mask_every_byte_is_the_photographs(data: st.DataObject) -> None:
    x0, y0 = data.draw(st.integers(0, 80)), data.draw(st.integers(0, 110))
    box = Box(x0, y0, data.draw(st.integers(x0 + 1, 90)), data.draw(st.integers(y0 + 1, 120)))
    seed = data.draw(st.integers(0, 99))
    mask = (np.random.default_rng(seed).random(PERSON.shape[:2]) > 0.4).astype(np.uint8) * 255
    canvas = np.random.default_rng(seed).integers(0, 256, (64, 48, 3), np.uint8)
    fit = Fit(box, Box(3, 4, 40, 60), PERSON.shape[:2])
    outside = np.ones(PERSON.shape[:2], bool)
    outside[box.slices] = False
    np.testing.assert_array_equal(restore(PERSON, canvas, fit)[outside], PERSON[outside])
    kept = outside | (mask == 0)
    np.testing.assert_array_equal(restore(PERSON, canvas, fit, mask)[kept], PERSON[kept])


def test_the_interior_is_what_was_generated() -> None:
    box = Box(20, 30, 70, 100)
    back = restore(PERSON, FAR[box.slices], within(box), feather=0.1)  # 7 pixels
    np.testing.assert_array_equal(back[36:94, 26:64], FAR[36:94, 26:64])
    assert (back[30:100, 20] != FAR[30:100, 20]).any()


def test_the_seam_rises_steadily_from_the_photograph_to_the_generated() -> None:
    black, white = np.zeros_like(PERSON), np.full_like(PERSON, 255)
    box = Box(20, 20, 80, 110)
    back = restore(black, white[box.slices], within(box), feather=0.1)[65, :, 0].astype(int)
    assert back[19] == 0
    assert back[28] == 255
    steps = np.diff(back[19:29])
    assert (steps > 0).all()
    assert steps.max() <= 30


@pytest.mark.parametrize("mask", [None, np.full(PERSON.shape[:2], 255, np.uint8)])
def test_there_is_no_seam_at_the_photographs_own_border(mask: np.ndarray | None) -> None:
    canvas, fit = letterbox(FAR, 120, 90, fill=0)
    np.testing.assert_array_equal(restore(PERSON, canvas, fit, mask, feather=0.2), FAR)
    box = Box(0, 40, 90, 120)  # three sides are the photograph's
    back = restore(PERSON, FAR[box.slices], within(box), mask, feather=0.1)
    np.testing.assert_array_equal(back[48:], FAR[48:])
    assert (back[41] != FAR[41]).any()


def test_a_mask_fades_inside_its_own_edge() -> None:
    mask = np.zeros(PERSON.shape[:2], np.uint8)
    mask[30:90, :] = 255
    canvas, fit = letterbox(FAR, 120, 90, fill=0)
    back = restore(PERSON, canvas, fit, mask, feather=0.05)  # 6 pixels
    np.testing.assert_array_equal(back[35:85], FAR[35:85])
    np.testing.assert_array_equal(back[:30], PERSON[:30])
    grey = (back[31].astype(int) - PERSON[31]) / (FAR[31].astype(int) - PERSON[31])
    assert np.abs(grey - 2 / 6).max() < 0.51


def test_a_seam_measures_distance_alike_in_all_directions() -> None:
    black, white = np.zeros_like(PERSON), np.full_like(PERSON, 255)
    mask = np.full(PERSON.shape[:2], 255, np.uint8)
    mask[60, 45] = 0
    canvas, fit = letterbox(white, 120, 90, fill=0)
    back = restore(black, canvas, fit, mask, feather=0.1)[..., 0]
    assert back[60, 45 + 4] <= back[63, 45 + 3] <= back[60, 45 + 5] == back[55, 45]


@pytest.mark.parametrize("thickness", [1, 2, 5])
def test_the_middle_of_a_thin_region_is_what_was_generated(thickness: int) -> None:
    mask = np.zeros(PERSON.shape[:2], np.uint8)
    mask[50 : 50 + thickness] = 255
    canvas, fit = letterbox(FAR, 120, 90, fill=0)
    back = restore(PERSON, canvas, fit, mask, feather=0.1)
    np.testing.assert_array_equal(back[50 + thickness // 2], FAR[50 + thickness // 2])


def test_a_half_mask_is_half_of_each() -> None:
    mask = np.full(PERSON.shape[:2], 51, np.uint8)
    canvas, fit = letterbox(np.full_like(PERSON, 250), 120, 90, fill=0)
    assert (restore(np.zeros_like(PERSON), canvas, fit, mask) == 50).all()


def test_an_empty_mask_changes_nothing() -> None:
    canvas, fit = letterbox(FAR, 120, 90, fill=0)
    back = restore(PERSON, canvas, fit, np.zeros(PERSON.shape[:2], np.uint8))
    np.testing.assert_array_equal(back, PERSON)
    assert back is not PERSON


def test_inputs_are_left_alone() -> None:
    person, generated, mask = PERSON.copy(), FAR.copy(), np.full(PERSON.shape[:2], 255, np.uint8)
    canvas, fit = letterbox(generated, 120, 90, fill=0)
    restore(person, canvas, fit, mask)
    np.testing.assert_array_equal(person, PERSON)
    np.testing.assert_array_equal(generated, FAR)
    assert (mask == 255).all()
