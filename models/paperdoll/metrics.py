"""How near a picture comes to the truth in a region. Pictures `[B, 3, H, W]` in [0, 1], regions `bool [B, H, W]`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

NUM_REFERENCES = 256  # colours that stand for a kind


def region_mean(values: Tensor, region: Tensor) -> Tensor:
    """Mean of `[B, H, W]` over each picture's region, `[B]`; NaN where it is empty."""
    return (values * region).sum((1, 2)) / region.sum((1, 2))


def decibels(picture: Tensor, truth: Tensor, region: Tensor) -> Tensor:
    """PSNR over the region, `[B]`."""
    return -10 * region_mean(((picture - truth) ** 2).mean(1), region).clamp_min(1e-6).log10()


def similarity(picture: Tensor, truth: Tensor) -> Tensor:
    """SSIM at each place (Gaussian window of 11, sigma 1.5, mean of the channels), `[B, H, W]`."""
    offsets = torch.arange(11) - 5.0
    bell = torch.exp(-(offsets**2) / (2 * 1.5**2))
    bell = bell / bell.sum()

    def blur(x: Tensor) -> Tensor:
        padded = functional.pad(x.flatten(0, 1)[:, None], (5, 5, 5, 5), mode="reflect")
        return functional.conv2d(functional.conv2d(padded, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1)).view_as(x)

    mean_a, mean_b = blur(picture), blur(truth)
    var_a, var_b = blur(picture**2) - mean_a**2, blur(truth**2) - mean_b**2
    both = blur(picture * truth) - mean_a * mean_b
    steady, lively = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + steady) * (2 * both + lively)
    return (top / ((mean_a**2 + mean_b**2 + steady) * (var_a + var_b + lively))).mean(1)


def kind_accuracy(picture: Tensor, truth: Tensor, cloth: Tensor, skin: Tensor, limbs: Tensor) -> Tensor:
    """Share of limb pixels whose colour is nearer to their true kind's, cloth or skin, `[B]`.

    A kind is the colours that the truth shows of it, a random sample of them.
    """
    shares = []
    for k in range(len(picture)):
        pixels = picture[k].permute(1, 2, 0)[limbs[k]]
        gaps = [torch.cdist(pixels, _references(truth[k], kind[k])).amin(1) for kind in (cloth, skin)]
        shares.append(((gaps[0] < gaps[1]) == cloth[k][limbs[k]]).float().mean())
    return torch.stack(shares)


def _references(truth: Tensor, kind: Tensor) -> Tensor:
    colours = truth.permute(1, 2, 0)[kind]
    generator = torch.Generator().manual_seed(0)
    return colours[torch.randint(len(colours), (NUM_REFERENCES,), generator=generator)]
