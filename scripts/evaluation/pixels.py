"""Scores of one picture from pixels alone, without any weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from models.base import Image
from scripts.evaluation.pictures import Region

MOST_DB = 100.0  # of equal pixels, whose ratio is infinite
TOLERANCE = 8  # of 255 in each channel: below what an eye sees, above what JPEG makes of a smooth wall

Scores = dict[str, float]


def against_reference(result: Image, reference: Image, garment: Region | None) -> Scores:
    """SSIM and PSNR of the whole picture and, with its region, of the garment and of everything else."""
    mean, likeness = _ssim(result, reference)
    scores = {"ssim": mean, "psnr": psnr(result, reference)}
    for name, region in _parts(garment):
        scores[f"ssim_{name}"] = float(likeness[region].mean())
        scores[f"psnr_{name}"] = psnr(result[region], reference[region])
    return scores


def identity(result: Image, person: Image, garment: Region) -> Scores:
    """How much of the photograph is kept outside the garment: percent of pixels, and PSNR in dB."""
    outside = ~garment
    if not outside.any():
        return {}
    kept = np.abs(result[outside].astype(np.int16) - person[outside]).max(-1) <= TOLERANCE
    return {"identity_kept": 100.0 * float(kept.mean()), "identity_psnr": psnr(result[outside], person[outside])}


def psnr(result: Image, reference: Image) -> float:
    """In dB, at most `MOST_DB`."""
    error = float(np.mean((result.astype(np.float64) - reference) ** 2))
    return min(MOST_DB, 10 * float(np.log10(255**2 / error))) if error else MOST_DB


def _ssim(result: Image, reference: Image) -> tuple[float, npt.NDArray[np.float64]]:
    """Its mean without the border that the window does not fit in, and its map `[H, W]` over all pixels."""
    mean, likeness = structural_similarity(  # type: ignore[no-untyped-call]
        result.astype(np.float64),
        reference.astype(np.float64),
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    return float(mean), likeness.mean(-1)


def _parts(garment: Region | None) -> list[tuple[str, Region]]:
    if garment is None:
        return []
    return [(name, region) for name, region in (("garment", garment), ("rest", ~garment)) if region.any()]
