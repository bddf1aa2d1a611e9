"""What is measured agrees to 1e-4 with implementations that others wrote, or with the formula as it is published."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchmetrics.image.fid as published_fid
import torchmetrics.image.kid as published_kid
from scipy import linalg
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from scripts.evaluation.distances import frechet, frechet_interval, kernel, kernel_interval
from scripts.evaluation.intervals import mean_interval
from scripts.evaluation.pixels import against_reference, identity

TO = 1e-4


def pictures(seed: int, noise: int, height: int = 96, width: int = 72) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture with edges, and the same with noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    one = coarse.repeat(8, 0).repeat(8, 1)
    other = np.clip(one.astype(int) + rng.integers(-noise, noise + 1, one.shape), 0, 255).astype(np.uint8)
    return one, other


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].double() / 255


@pytest.mark.parametrize(("seed", "noise"), [(0, 3), (1, 25), (2, 120)])
def test_ssim_and_psnr_are_those_of_torchmetrics(seed: int, noise: int) -> None:
    result, reference = pictures(seed, noise)
    scores = against_reference(result, reference, None)
    both = tensor(result), tensor(reference)
    _, likeness = structural_similarity_index_measure(*both, data_range=1.0, return_full_image=True)
    ssim = likeness[..., 5:-5, 5:-5].mean()  # where the window fits in; torchmetrics itself pads
    psnr = peak_signal_noise_ratio(*both, data_range=1.0)
    assert scores["ssim"] == pytest.approx(float(ssim), abs=TO)
    assert scores["psnr"] == pytest.approx(float(psnr), abs=TO)


def features(seed: int, num: int, size: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1.0, (num, size)) @ np.random.default_rng(9).normal(0, 0.4, (size, size))


@pytest.mark.parametrize(("num_1", "num_2"), [(200, 300), (40, 90), (24, 20)])
def test_the_frechet_distance_is_its_formula_with_a_matrix_root(num_1: int, num_2: int) -> None:
    ones, others = features(1, num_1, 24), features(2, num_2, 24, 0.3)
    covariances = np.cov(ones, rowvar=False), np.cov(others, rowvar=False)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    means = ((ones.mean(0) - others.mean(0)) ** 2).sum()
    expected = means + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root)
    assert frechet(ones, others) == pytest.approx(expected, abs=TO)
    assert frechet(ones, ones) == pytest.approx(0, abs=TO)


def test_the_kernel_distance_is_its_sum_over_pairs() -> None:
    ones, others = features(3, 30, 16), features(4, 25, 16, 0.4)

    def value(one: np.ndarray, other: np.ndarray) -> float:
        return float((one @ other / 16 + 1) ** 3)

    def within(some: np.ndarray) -> float:
        pairs = [value(x, y) for i, x in enumerate(some) for j, y in enumerate(some) if i != j]
        return sum(pairs) / len(pairs)

    across = sum(value(x, y) for x in ones for y in others) / (len(ones) * len(others))
    assert kernel(ones, others) == pytest.approx(within(ones) + within(others) - 2 * across, abs=TO)


def test_both_distances_are_those_of_torchmetrics() -> None:
    ones, others = features(7, 120, 16), features(8, 120, 16, 0.2)
    both = [torch.from_numpy(some) for some in (ones, others)]
    moments = [part for some in both for part in (some.mean(0), torch.cov(some.T))]
    assert frechet(ones, others) == pytest.approx(float(published_fid._compute_fid(*moments)), abs=TO)
    assert kernel(ones, others) == pytest.approx(float(published_kid.poly_mmd(*both)), abs=TO)


def test_an_interval_holds_its_value_and_is_the_same_every_time() -> None:
    ones, others = features(5, 60, 8), features(6, 60, 8, 0.2)
    for interval in (frechet_interval(ones, others), kernel_interval(ones, others), mean_interval(ones[:, 0].tolist())):
        assert interval.low < interval.value < interval.high
    assert frechet_interval(ones, others) == frechet_interval(ones, others)
    assert kernel_interval(ones, others) == kernel_interval(ones, others)


def test_more_pictures_make_a_narrower_interval() -> None:
    few, many = (mean_interval(np.random.default_rng(0).normal(size=num).tolist()) for num in (30, 3000))
    assert many.high - many.low < (few.high - few.low) / 5


def test_each_region_is_scored_by_its_own_pixels() -> None:
    reference, _ = pictures(0, 0)
    result, garment = reference.copy(), np.zeros(reference.shape[:2], bool)
    garment[30:60, 20:50] = True
    result[40:50, 30:40] = 255 - result[40:50, 30:40]
    scores = against_reference(result, reference, garment)
    assert scores["psnr_rest"] == 100
    assert scores["psnr_garment"] < scores["psnr"] < 100
    assert scores["ssim_garment"] < scores["ssim"] < scores["ssim_rest"]


def test_identity_is_the_share_of_pixels_kept_outside_the_garment() -> None:
    person, _ = pictures(0, 0)
    result, garment = person.copy(), np.zeros(person.shape[:2], bool)
    garment[:48] = True
    result[:48] = 0
    assert identity(result, person, garment) == {"identity_kept": 100.0, "identity_psnr": 100.0}
    result[-12:] = np.where(person[-12:] > 127, 0, 255)
    assert identity(result, person, garment)["identity_kept"] == pytest.approx(75.0)
    assert identity(result, person, ~np.zeros_like(garment)) == {}
