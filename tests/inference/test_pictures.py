"""Stored pictures as the engine wants them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from inference import pictures


@pytest.mark.parametrize("quality", [75, 95])
def test_a_mask_that_went_through_jpeg_is_what_it_was_but_for_its_edge(quality: int) -> None:
    wanted = np.zeros((64, 48), np.uint8)
    wanted[16:48, 8:32] = 255
    buffer = io.BytesIO()
    Pillow.fromarray(wanted).convert("RGB").save(buffer, "JPEG", quality=quality)
    mask = pictures.to_mask(pictures.decode(buffer.getvalue()))
    assert set(np.unique(mask)) == {0, 255}
    assert np.array_equal(mask, wanted)


def test_a_mask_is_split_in_the_middle_of_its_grays() -> None:
    grays = np.repeat(np.array([[0, 127, 128, 255]], np.uint8)[..., None], 3, axis=-1)
    assert pictures.to_mask(grays).tolist() == [[0, 0, 255, 255]]
