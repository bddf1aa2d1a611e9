"""How runs differ from the first of them, picture by picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from scripts.evaluation.intervals import mean_interval

LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of `num` paired differences and its interval; `p` of Wilcoxon's test, corrected for how many there are.

    `verdict`: better, worse, or unclear: clear only where both the interval and the test say so.
    """

    value: float
    low: float
    high: float
    num: int
    p: float
    verdict: str


def differences(pairs: Sequence[tuple[Sequence[float], Sequence[float], bool]]) -> list[Difference]:
    """Of each (first run's values, another's, whether higher is better), by Holm's correction over all of them.

    Raises:
        ValueError: the values are not in pairs, or there are none.
    """
    deltas = [np.subtract(others, ones) for ones, others, _ in pairs]
    corrected = holm([_wilcoxon(delta) for delta in deltas])
    found = []
    for delta, (_, _, higher_is_better), p in zip(deltas, pairs, corrected, strict=True):
        interval = mean_interval(delta.tolist())
        is_clear = p < LEVEL and not interval.low <= 0 <= interval.high
        good = "better" if (interval.value > 0) == higher_is_better else "worse"
        verdict = good if is_clear else "unclear"
        found.append(Difference(interval.value, interval.low, interval.high, interval.num, p, verdict))
    return found


def holm(values: Sequence[float]) -> list[float]:
    """p-values after Holm's step-down correction."""
    corrected, largest = [1.0] * len(values), 0.0
    for rank, index in enumerate(np.argsort(values, kind="stable")):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected


def _wilcoxon(delta: np.typing.NDArray[np.float64]) -> float:
    """Signed ranks, ties with zero by Pratt; 1 where nothing differs."""
    return float(stats.wilcoxon(delta, zero_method="pratt").pvalue) if np.any(delta) else 1.0
