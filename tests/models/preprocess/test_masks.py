from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from models.base import UnusableInput
from models.preprocess.masks import checked_mask, read_mask

WANTED = np.zeros((6, 4), np.uint8)
WANTED[2:5, 1:3] = 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I", "F", "CMYK", "I;16"])
def test_a_mask_may_come_in_any_mode(mode: str) -> None:
    if mode == "I;16":
        picture = Pillow.fromarray(WANTED.astype(np.uint16) * 257)
    elif mode == "CMYK":
        picture = Pillow.fromarray(WANTED).convert("RGB").convert(mode)
    else:
        picture = Pillow.fromarray(WANTED).convert(mode)
    np.testing.assert_array_equal(read_mask(picture, (6, 4)), WANTED)


def test_transparent_places_are_kept_whatever_their_colour() -> None:
    white = np.full((6, 4, 4), 255, np.uint8)
    white[..., 3] = WANTED
    np.testing.assert_array_equal(read_mask(Pillow.fromarray(white), (6, 4)), WANTED)


def test_grays_are_split_in_the_middle() -> None:
    mask = checked_mask(np.array([[0, 127, 128, 255]], np.uint8), (1, 4))
    np.testing.assert_array_equal(mask, [[0, 0, 255, 255]])


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(UnusableInput, match="as the photograph, 5x6 pixels, not 4x6") as caught:
        checked_mask(WANTED, (6, 5))
    assert caught.value.which == "person"


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(UnusableInput, match="black all over"):
        read_mask(Pillow.new("L", (4, 6)), (6, 4))
