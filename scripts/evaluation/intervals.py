"""A figure and where it lies with 95% confidence, by a bootstrap whose draws are the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 2000
DEVIATIONS = float(stats.norm.ppf(0.975))
BATCH = 2**22  # values drawn at a time: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """`value` of `num` pictures, between `low` and `high`."""

    value: float
    low: float
    high: float
    num: int


def mean_interval(values: Sequence[float]) -> Interval:
    """The mean and its percentile interval; of fewer than three values, the interval is all of them.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("there is no mean of no values")
    array = np.asarray(values, np.float64)
    mean, low, high = float(array.mean()), float(array.min()), float(array.max())
    if len(array) >= 3 and low < high:
        drawn = stats.bootstrap(
            (array,),
            np.mean,
            n_resamples=RESAMPLES,
            method="percentile",
            batch=max(1, BATCH // len(array)),
            rng=np.random.default_rng(0),
        )
        low, high = (float(end) for end in drawn.confidence_interval)
    return Interval(mean, low, high, len(array))


def around(value: float, drawn: Sequence[float], num: int) -> Interval:
    """For distances of sets, whose draws lie too far apart as a whole: their spread alone, about the value."""
    reach = DEVIATIONS * float(np.std(drawn, ddof=1))
    return Interval(value, value - reach, value + reach, num)
