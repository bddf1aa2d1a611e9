"""How the distances of two runs from one set of real pictures differ, pair by pair of their pictures.

FID and KID are figures of whole sets: there is no value of a single picture that could be paired. What is paired is
which pictures they are computed of. The test is approximate randomisation (E. W. Noreen, *Computer-Intensive Methods
for Testing Hypotheses*, 1989; for figures of whole corpora, S. Riezler and J. T. Maxwell, 2005): where the runs do not
differ, either picture of a pair could have been either run's, so that swapping any of them changes the difference by
chance alone. The interval is a paired bootstrap (P. Koehn, 2004, for BLEU): the same pairs, and the same real pictures,
are drawn again for both runs. Draws of sets, in which pictures are repeated, lie too far apart as a whole, so that only
their spread is used, about the difference itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scripts.evaluation.distances import Features, frechet, kernel, kernel_of
from scripts.evaluation.intervals import DEVIATIONS, Interval

MOST_PAIRS = 300  # of which the Fréchet distance is drawn: each draw decomposes two matrices of so many rows
MOST_REAL = 600
FRECHET_SWAPS, FRECHET_DRAWS = 999, 100
KERNEL_SWAPS, KERNEL_DRAWS = 9999, 1000
LEAST_PAIRS = 3

Gram = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SetDifference:
    """The other run's distance minus the first's, and the `p` of randomisation, not corrected."""

    interval: Interval
    p: float


def frechet_difference(ones: Features, others: Features, real: Features) -> SetDifference | None:
    """Of FID, from features `[N, D]` of the pairs and `[M, D]`; None of too few.

    The draws are of at most `MOST_PAIRS` pairs and `MOST_REAL` real pictures, chosen by lot. Beyond these the spread is
    scaled as that of a mean (the m out of n bootstrap), and the test is of those chosen: it finds less than it could,
    never more.
    """
    if len(ones) < LEAST_PAIRS or len(real) < LEAST_PAIRS:
        return None
    rng = np.random.default_rng(0)
    value = frechet(others, real) - frechet(ones, real)
    chosen, shown = _some(len(ones), MOST_PAIRS, rng), _some(len(real), MOST_REAL, rng)
    of = _Frechet.of(ones[chosen], others[chosen], real[shown])
    spread = np.std([of.drawn(rng) for _ in range(FRECHET_DRAWS)], ddof=1) * np.sqrt(len(chosen) / len(ones))
    reach = DEVIATIONS * float(spread)
    swapped = [of.swapped(rng.random(len(chosen)) < 0.5) for _ in range(FRECHET_SWAPS)]
    observed = of.swapped(np.zeros(len(chosen), bool))
    return SetDifference(Interval(value, value - reach, value + reach, len(ones)), _p(observed, np.array(swapped)))


def kernel_difference(ones: Features, others: Features, real: Features) -> SetDifference | None:
    """Of KID, times 1000 as it is told; None of too few.

    Whatever is swapped, the difference is a sum over pairs of a weight with either sign, so many draws cost little.
    """
    if len(ones) < LEAST_PAIRS or len(real) < LEAST_PAIRS:
        return None
    rng = np.random.default_rng(0)
    value = kernel(others, real) - kernel(ones, real)
    weights = _kernel_weights(ones, others, real)
    signs = rng.integers(0, 2, (KERNEL_SWAPS, len(weights)), np.int8) * 2.0 - 1
    p = _p(value, signs @ weights)
    reach = DEVIATIONS * float(np.std(_kernel_draws(ones, others, real, rng), ddof=1))
    return SetDifference(Interval(1000 * value, 1000 * (value - reach), 1000 * (value + reach), len(ones)), p)


def _kernel_weights(ones: Features, others: Features, real: Features) -> Gram:
    """`[N]`: what each pair adds to the other run's distance minus the first's; the opposite when it is swapped."""
    num = len(ones)
    within = kernel_of(others, others) - kernel_of(ones, ones)
    between = kernel_of(others, ones)
    within += between - between.T
    np.fill_diagonal(within, 0)
    across = kernel_of(others, real).mean(1) - kernel_of(ones, real).mean(1)
    return np.asarray(within.sum(1) / (num * (num - 1)) - 2 * across / num, np.float64)


def _kernel_draws(ones: Features, others: Features, real: Features, rng: np.random.Generator) -> Gram:
    """`[R]` differences with pairs and real pictures drawn again; what is drawn twice makes no pair with itself."""
    pairs, shown = (_counts(len(some), KERNEL_DRAWS, rng) for some in (ones, real))
    within = kernel_of(others, others) - kernel_of(ones, ones)
    np.fill_diagonal(within, 0)
    num_within = pairs.sum(1) ** 2 - (pairs**2).sum(1)
    across = kernel_of(others, real) - kernel_of(ones, real)
    inside = np.einsum("rn,rn->r", pairs @ within, pairs) / num_within
    return np.asarray(inside - 2 * np.einsum("rn,rn->r", pairs @ across, shown) / (len(ones) * len(real)), np.float64)


@dataclass(frozen=True, slots=True)
class _Frechet:
    """Differences for any choice of pictures, from inner products alone: `[2N, 2N]` of the pairs, `[2N, M]` with the
    real ones.
    """

    made: Gram
    across: Gram

    @classmethod
    def of(cls, ones: Features, others: Features, real: Features) -> _Frechet:
        both = np.concatenate([ones, others])
        return cls(both @ both.T, both @ real.T)

    @property
    def _num(self) -> int:
        return len(self.made) // 2

    @property
    def _num_real(self) -> int:
        return len(self.across.T)

    def swapped(self, pairs: npt.NDArray[np.bool_]) -> float:
        """With these pairs' pictures swapped."""
        places = np.arange(self._num)
        ones = np.where(pairs, places + self._num, places)
        others = np.where(pairs, places, places + self._num)
        every = np.arange(self._num_real)
        return self._distance(others, every) - self._distance(ones, every)

    def drawn(self, rng: np.random.Generator) -> float:
        """With pairs and real pictures drawn again."""
        places = rng.integers(0, self._num, self._num)
        shown = rng.integers(0, self._num_real, self._num_real)
        return self._distance(places + self._num, shown) - self._distance(places, shown)

    def _distance(self, made: npt.NDArray[np.int64], shown: npt.NDArray[np.int64]) -> float:
        """As `frechet`, without what the real pictures add by themselves: that is equal for both runs."""
        own, across = self.made[np.ix_(made, made)], self.across[np.ix_(made, shown)]
        mean = own.mean()
        variances = (np.trace(own) - len(own) * mean) / (len(own) - 1)
        centred = across - across.mean(0) - across.mean(1)[:, None] + across.mean()
        shared = _sum_of_singular_values(centred) / np.sqrt((len(made) - 1) * (len(shown) - 1))
        return float(mean - 2 * across.mean() + variances - 2 * shared)


def _sum_of_singular_values(matrix: Gram) -> float:
    """By the eigenvalues of its smaller square, several times as fast; half of the digits, which a draw can spare."""
    smaller = matrix if len(matrix) <= len(matrix.T) else matrix.T
    return float(np.sqrt(np.linalg.eigvalsh(smaller @ smaller.T).clip(0)).sum())


def _some(num: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """At most so many of the places, by lot, in order."""
    return np.sort(rng.choice(num, most, replace=False)) if num > most else np.arange(num)


def _counts(num: int, draws: int, rng: np.random.Generator) -> Gram:
    return rng.multinomial(num, np.full(num, 1 / num), draws).astype(np.float64)


def _p(observed: float, swapped: Gram) -> float:
    """How often chance alone makes so large a difference, the observed one counted in."""
    slack = 1e-9 * max(abs(observed), float(np.abs(swapped).max()))  # rounding, as of swaps of equal pictures
    return float((1 + np.sum(np.abs(swapped) >= abs(observed) - slack)) / (1 + len(swapped)))
