"""A figure's spread, and measurements that take turns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from scripts.bench.spread import Spread, interleaved, ratio_of, spread_of


def test_the_interval_holds_the_median_and_lies_within_the_values() -> None:
    values = np.random.default_rng(1).lognormal(size=25).tolist()
    spread = spread_of(values)
    assert min(values) <= spread.low < spread.median < spread.high <= max(values)
    assert (spread.median, spread.num) == (float(np.median(values)), 25)


def test_the_interval_misses_the_truth_about_as_seldom_as_it_says() -> None:
    rng = np.random.default_rng(2)
    spreads = [spread_of(rng.normal(10, 1, size=21).tolist()) for _ in range(60)]
    assert sum(spread.low <= 10 <= spread.high for spread in spreads) >= 52


def test_few_values_have_all_of_themselves_as_interval() -> None:
    assert spread_of([3.0, 1.0]) == Spread(2.0, 1.0, 3.0, 2)
    assert spread_of([5.0]) == Spread(5.0, 5.0, 5.0, 1)
    with pytest.raises(ValueError, match="no values"):
        spread_of([])


def test_a_ratio_is_taken_within_rounds_so_that_a_slow_round_changes_nothing() -> None:
    slowness = [1.0, 1.0, 7.0, 1.0, 3.0]
    assert ratio_of([2 * s for s in slowness], slowness) == Spread(2.0, 2.0, 2.0, 5)


def test_pictures_a_second_are_the_reverse_of_seconds_a_picture() -> None:
    assert Spread(0.5, 0.25, 1.0, 3).per == Spread(2.0, 1.0, 4.0, 3)


def test_subjects_take_turns_and_each_goes_first_in_turn() -> None:
    order: list[str] = []
    clock = itertools.count()
    subjects = {name: (lambda name=name: order.append(name)) for name in ("a", "b")}
    seconds = interleaved(subjects, 3, clock=lambda: float(next(clock)))
    assert "".join(order) == "abbaab"
    assert seconds == {"a": [1.0] * 3, "b": [1.0] * 3}
