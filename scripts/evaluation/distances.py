"""How far two sets of pictures are apart, from their features `float64 [N, D]`: Fréchet and kernel distances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scripts.evaluation.intervals import Interval, around

Features = npt.NDArray[np.float64]

FRECHET_RESAMPLES = 100  # each takes a singular value decomposition
KERNEL_RESAMPLES = 1000


def frechet(ones: Features, others: Features) -> float:
    """|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½), with covariances over N - 1.

    With C = R'R, the trace of the root is the sum of the singular values of R1 R2'. That is exact also where there
    are fewer pictures than features and a matrix root of C1 C2 loses half its digits.
    """
    mean_1, root_1 = _moments(ones)
    mean_2, root_2 = _moments(others)
    shared = np.linalg.svd(root_1 @ root_2.T, compute_uv=False).sum()
    return float(((mean_1 - mean_2) ** 2).sum() + (root_1**2).sum() + (root_2**2).sum() - 2 * shared)


def frechet_interval(ones: Features, others: Features) -> Interval:
    """With both sets drawn again."""
    rng = np.random.default_rng(0)
    drawn = [frechet(_drawn(ones, rng), _drawn(others, rng)) for _ in range(FRECHET_RESAMPLES)]
    return around(frechet(ones, others), drawn, len(ones))


def kernel(ones: Features, others: Features) -> float:
    """The unbiased squared maximum mean discrepancy under the kernel (x·y / D + 1)³, over all pairs."""
    return float(_discrepancies(ones, others, np.ones((1, len(ones))), np.ones((1, len(others))))[0])


def kernel_interval(ones: Features, others: Features) -> Interval:
    """With both sets drawn again; a picture that is drawn twice makes no pair with itself."""
    rng = np.random.default_rng(0)
    counts = [
        rng.multinomial(len(one), np.full(len(one), 1 / len(one)), KERNEL_RESAMPLES).astype(np.float64)
        for one in (ones, others)
    ]
    return around(kernel(ones, others), _discrepancies(ones, others, *counts).tolist(), len(ones))


def _discrepancies(ones: Features, others: Features, count_1: Features, count_2: Features) -> Features:
    """`[R]`, for how often each picture counts in each of R draws: `[R, N]`."""
    across = np.einsum("rn,rn->r", count_1 @ kernel_of(ones, others), count_2)
    across /= count_1.sum(1) * count_2.sum(1)
    return np.asarray(_within(ones, count_1) + _within(others, count_2) - 2 * across, np.float64)


def _within(features: Features, counts: Features) -> Features:
    """The mean over all pairs of different pictures."""
    values = kernel_of(features, features)
    np.fill_diagonal(values, 0)
    pairs = counts.sum(1) ** 2 - (counts**2).sum(1)
    return np.asarray(np.einsum("rn,rn->r", counts @ values, counts) / pairs, np.float64)


def kernel_of(ones: Features, others: Features) -> Features:
    """`[N, M]` of (x·y / D + 1)³."""
    return np.asarray((ones @ others.T / ones.shape[1] + 1) ** 3, np.float64)


def _moments(features: Features) -> tuple[Features, Features]:
    """The mean, and R of the covariance R'R, with at most as many rows as there are features."""
    mean = features.mean(0)
    root = (features - mean) / np.sqrt(len(features) - 1)
    if len(root) > root.shape[1]:
        root = np.asarray(np.linalg.qr(root, mode="r"), np.float64)
    return mean, root


def _drawn(features: Features, rng: np.random.Generator) -> Features:
    return features[rng.integers(0, len(features), len(features))]
