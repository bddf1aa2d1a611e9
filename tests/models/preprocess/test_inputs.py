from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.base import TryOnInputs, UnusableInput
from models.preprocess.digest import digest_of
from models.preprocess.inputs import checked_inputs

INPUTS = TryOnInputs(np.zeros((60, 40, 3), np.uint8), np.zeros((30, 40, 3), np.uint8), "upper", seed=1)


def changed(**fields: Any) -> TryOnInputs:
    return TryOnInputs(**({name: getattr(INPUTS, name) for name in TryOnInputs.__slots__} | fields))


def picture(height: int, width: int) -> Any:
    return np.zeros((height, width, 3), np.uint8)


def test_what_can_be_used_comes_back_and_its_mask_in_black_and_white() -> None:
    assert checked_inputs(INPUTS, {"upper"}) is INPUTS
    gray = np.tile(np.arange(40, dtype=np.uint8) * 6, (60, 1))
    mask = checked_inputs(changed(mask=gray), {"upper"}).mask
    assert mask is not None
    np.testing.assert_array_equal(mask, np.where(gray >= 128, 255, 0))
    assert gray.max() == 234, "the caller's mask stays as it was"


@pytest.mark.parametrize(
    ("fields", "which", "told"),
    [
        ({"category": "sideways"}, "garment", "sideways"),
        ({"person": picture(15, 40)}, "person", "photograph is too small.* 16 pixels"),
        ({"garment": picture(20, 121)}, "garment", "garment's picture is too narrow"),
        ({"mask": np.full((60, 41), 255, np.uint8)}, "person", "mask"),
        ({"mask": np.full((60, 40), 127, np.uint8)}, "person", "mask is black"),
    ],
)
def test_what_cannot_is_refused_in_a_sentence(fields: dict[str, Any], which: str, told: str) -> None:
    with pytest.raises(UnusableInput, match=told) as caught:
        checked_inputs(changed(**fields), {"upper", "lower"})
    assert caught.value.which == which


def test_a_family_has_limits_of_its_own() -> None:
    narrow, small = changed(garment=picture(20, 160)), changed(person=picture(60, 60))
    assert checked_inputs(narrow, {"upper"}, most_stretched=8) is narrow
    with pytest.raises(UnusableInput, match="64 pixels"):
        checked_inputs(small, {"upper"}, smallest=64)


def test_a_digest_is_of_pixels_and_shape_and_of_no_place_in_memory() -> None:
    image = np.random.default_rng(1).integers(0, 256, (6, 4, 3), np.uint8)
    other = image.copy()
    other[5, 3, 2] ^= 1
    assert digest_of(image[:, ::-1]) == digest_of(image[:, ::-1].copy()) != digest_of(image)
    assert len({digest_of(one) for one in (image, other, image.reshape(4, 6, 3))}) == 3
