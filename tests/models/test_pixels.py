from __future__ import annotations

import numpy as np
import torch

from models.pixels import to_levels, to_tensor


def test_every_level_comes_back_as_it_went() -> None:
    levels = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    picture = to_tensor(levels)
    assert (picture.min(), picture.max()) == (-1, 1)
    assert np.array_equal(to_levels(picture[0] / 2 + 0.5), levels)


def test_a_level_is_the_nearest_one() -> None:
    values = torch.tensor([0.4, 0.6, 254.4]).div(255).view(3, 1, 1)
    assert to_levels(values).tolist() == [[[0, 1, 254]]]
