from __future__ import annotations

import torch

from models.paperdoll.dice import Dice
from models.paperdoll.dummy import nearest_dummy, random_dummy


def test_a_dummy_is_its_own_nearest() -> None:
    keypoints = random_dummy(Dice(1, 20))
    torch.testing.assert_close(nearest_dummy(keypoints), keypoints, atol=1e-3, rtol=0)


def test_the_nearest_dummy_is_nearer_to_the_truth_than_a_noisy_reading() -> None:
    keypoints = random_dummy(Dice(2, 50))
    read = keypoints + 0.01 * torch.randn(keypoints.shape, generator=torch.Generator().manual_seed(0))
    gaps = [(found - keypoints).norm(dim=2).mean() for found in (read, nearest_dummy(read))]
    assert gaps[1] < 0.7 * gaps[0]
