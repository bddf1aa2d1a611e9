from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from models import sampling


def test_the_schedule_goes_from_noise_to_picture_without_gaps() -> None:
    for num_steps in (1, 4, 7):
        pairs = sampling.schedule(num_steps)
        assert len(pairs) == num_steps
        assert pairs[0][0] == 1
        assert pairs[-1][1] == 0
        assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(pairs))


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sampling.schedule(0)


def test_a_true_prediction_walks_to_the_picture() -> None:
    picture, noise = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    noisy = noise
    for time, next_time in sampling.schedule(5):
        noisy = sampling.step(noisy, picture, time, next_time)
        expected = sampling.noised(picture, noise, torch.full((2,), next_time))
        torch.testing.assert_close(noisy, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(noisy, picture)


def test_pure_noise_tells_the_network_nothing() -> None:
    assert sampling.scaled(torch.randn(2, 3, 4, 4), torch.ones(2)).abs().max() == 0


def test_noise_belongs_to_its_seed() -> None:
    a, b, c = (sampling.job_noise(seed, (3, 8, 8)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
