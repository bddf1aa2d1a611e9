"""Differences of FID and KID are tested in pairs: by chance seldom found, and found where they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scripts.compare.sets import SetDifference, _Frechet, _kernel_weights, frechet_difference, kernel_difference
from scripts.evaluation.distances import frechet, kernel

Difference = Callable[[np.ndarray, np.ndarray, np.ndarray], SetDifference | None]

DIFFERENCES = (frechet_difference, kernel_difference)
SIZE = 12


def features(seed: int, num: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1.0, (num, SIZE)) @ np.random.default_rng(9).normal(0, 0.4, (SIZE, SIZE))


def swapped(ones: np.ndarray, others: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(pairs[:, None], others, ones), np.where(pairs[:, None], ones, others)


@pytest.mark.parametrize("num", [8, 40])  # fewer pictures than features, and more
def test_whatever_is_swapped_the_distances_are_those_of_the_pictures_themselves(num: int) -> None:
    ones, others, real = features(1, num), features(2, num, 0.2), features(3, 30)
    weights = _kernel_weights(ones, others, real)
    rng = np.random.default_rng(0)
    for pairs in (np.zeros(num, bool), rng.random(num) < 0.5):
        first, second = swapped(ones, others, pairs)
        expected = frechet(second, real) - frechet(first, real)
        assert _Frechet.of(ones, others, real).swapped(pairs) == pytest.approx(expected, abs=1e-6)
        signs = np.where(pairs, -1, 1)
        assert signs @ weights == pytest.approx(kernel(second, real) - kernel(first, real), abs=1e-10)


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_the_difference_is_that_of_the_two_distances_and_turns_with_the_runs(difference: Difference) -> None:
    ones, others, real = features(1, 30), features(2, 30, 0.4), features(3, 40)
    there, back = difference(ones, others, real), difference(others, ones, real)
    assert there is not None
    assert back is not None
    distance, scale = (frechet, 1) if difference is frechet_difference else (kernel, 1000)
    assert there.interval.value == pytest.approx(scale * (distance(others, real) - distance(ones, real)))
    assert there.interval.low < there.interval.value < there.interval.high
    assert back.interval.value == pytest.approx(-there.interval.value)
    assert back.interval.low == pytest.approx(-there.interval.high)
    assert difference(ones, others, real) == there


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_a_run_further_from_what_is_real_is_found_and_a_run_is_not_another_than_itself(difference: Difference) -> None:
    real, ones = features(3, 60), features(1, 60)
    far, same = difference(ones, ones + 0.5, real), difference(ones, ones, real)
    assert far is not None
    assert same is not None
    assert far.p <= 0.001
    assert far.interval.low > 0
    assert (same.interval.value, same.p) == (0, 1)


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_chance_alone_is_seldom_called_a_difference(difference: Difference, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs whose pictures differ by noise of one kind: p is below a tenth in about a tenth of cases."""
    monkeypatch.setattr("scripts.compare.sets.FRECHET_SWAPS", 99)
    monkeypatch.setattr("scripts.compare.sets.FRECHET_DRAWS", 2)
    found = []
    for seed in range(100):
        person = features(seed, 20)
        noise = np.random.default_rng(1000 + seed).normal(0, 0.3, (2, 20, SIZE))
        told = difference(person + noise[0], person + noise[1], features(500 + seed, 25))
        assert told is not None
        found.append(told.p)
    assert 2 <= sum(p <= 0.1 for p in found) <= 22  # of a binomial with 100 and 0.1, all but one in ten thousand
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_of_many_pairs_some_are_drawn_and_the_interval_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    most, num = 60, 120
    monkeypatch.setattr("scripts.compare.sets.MOST_PAIRS", most)
    monkeypatch.setattr("scripts.compare.sets.FRECHET_SWAPS", 9)
    monkeypatch.setattr("scripts.compare.sets.FRECHET_DRAWS", 400)
    ones, others, real = features(1, num), features(2, num, 0.3), features(3, most)
    few, many = (frechet_difference(ones[:size], others[:size], real) for size in (most, num))
    assert few is not None
    assert many is not None
    assert many.interval.value == pytest.approx(frechet(others, real) - frechet(ones, real))
    assert (few.interval.num, many.interval.num) == (most, num)
    narrower = (many.interval.high - many.interval.low) / (few.interval.high - few.interval.low)
    assert narrower == pytest.approx(2**-0.5, rel=0.2)


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_of_too_few_pictures_nothing_is_said(difference: Difference) -> None:
    assert difference(features(1, 2), features(2, 2), features(3, 9)) is None
    assert difference(features(1, 9), features(2, 9), features(3, 2)) is None
