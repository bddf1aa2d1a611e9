"""How runs differ from the first of them, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from scripts.evaluation.intervals import Interval, mean_interval

LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Paired:
    """The difference of a run from the first one, and the `p` of its paired test, not corrected."""

    interval: Interval
    p: float
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference over `num` pairs and its interval; `p` is corrected for how many differences there are.

    `verdict`: better, worse, or unclear: clear only where both the interval and the test say so.
    """

    value: float
    low: float
    high: float
    num: int
    p: float
    verdict: str


def paired(ones: Sequence[float], others: Sequence[float], *, higher_is_better: bool) -> Paired:
    """The mean difference of the pictures' values, by Wilcoxon's test and a bootstrap.

    Raises:
        ValueError: the values are not in pairs, or there are none.
    """
    delta = np.subtract(others, ones)
    return Paired(mean_interval(delta.tolist()), _wilcoxon(delta), higher_is_better)


def differences(found: Sequence[Paired]) -> list[Difference]:
    """What is said of each, by Holm's correction over all of them."""
    corrected = holm([one.p for one in found])
    return [_difference(one, p) for one, p in zip(found, corrected, strict=True)]


def _difference(found: Paired, p: float) -> Difference:
    interval = found.interval
    is_clear = p < LEVEL and not interval.low <= 0 <= interval.high
    good = "better" if (interval.value > 0) == found.higher_is_better else "worse"
    return Difference(**asdict(interval), p=p, verdict=good if is_clear else "unclear")


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
