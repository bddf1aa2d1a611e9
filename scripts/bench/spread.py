"""Figures with their spread, from repeats that took turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of `num` repeats, and where it lies with 95% confidence: `low` to `high`."""

    median: float
    low: float
    high: float
    num: int

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.interval})"

    @property
    def interval(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}"

    def times(self, factor: float) -> Spread:
        """In another unit; `factor` > 0."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.num)

    @property
    def per(self) -> Spread:
        """What is done in one unit when one takes this: seconds a picture as pictures a second."""
        return Spread(1 / self.median, 1 / self.high, 1 / self.low, self.num)


def spread_of(values: Sequence[float]) -> Spread:
    """The median and its bootstrap interval; of fewer than three values, the interval is all of them.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("there is no spread of no values")
    array = np.asarray(values, dtype=np.float64)
    median, low, high = float(np.median(array)), float(array.min()), float(array.max())
    if len(array) >= 3 and low < high:
        drawn = stats.bootstrap(
            (array,),
            np.median,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        )
        low, high = (float(end) for end in drawn.confidence_interval)
    return Spread(median, low, high, len(array))


def ratio_of(ones: Sequence[float], others: Sequence[float]) -> Spread:
    """`ones / others`, round by round: what disturbs a round disturbs both of it."""
    return spread_of([one / other for one, other in zip(ones, others, strict=True)])


def interleaved(
    subjects: Mapping[str, Callable[[], object]],
    rounds: int,
    on_round: Callable[[int], None] = lambda done: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each subject in each of `rounds` rounds, in which they take turns, every second one backwards.

    A subject that uses a device must wait for it before it returns.
    """
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds):
        for name in list(subjects) if number % 2 == 0 else reversed(list(subjects)):
            started = clock()
            subjects[name]()
            seconds[name].append(clock() - started)
        on_round(number + 1)
    return seconds
