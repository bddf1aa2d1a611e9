from __future__ import annotations

import numpy as np
import pytest

from models.base import UnusableInput
from models.preprocess.masks import checked_mask


def test_grays_are_split_in_the_middle() -> None:
    mask = checked_mask(np.array([[0, 127, 128, 255]], np.uint8), (1, 4))
    np.testing.assert_array_equal(mask, [[0, 0, 255, 255]])


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(UnusableInput, match="as the photograph, 5x6 pixels, not 4x6") as caught:
        checked_mask(np.full((6, 4), 255, np.uint8), (6, 5))
    assert caught.value.which == "person"


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(UnusableInput, match="black all over"):
        checked_mask(np.zeros((6, 4), np.uint8), (6, 4))
