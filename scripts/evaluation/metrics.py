"""What is measured: names, which way is better, and how, in the words that a result carries."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.evaluation.pixels import MOST_DB, TOLERANCE

SSIM = "structural similarity, Gaussian window of 11 with sigma 1.5, over RGB, scikit-image"
PSNR = f"peak signal-to-noise ratio over RGB, at most {MOST_DB:g} dB"


@dataclass(frozen=True, slots=True)
class Metric:
    """`card`: whose weights it needs; `of_set`: one figure of all pictures, none of single ones."""

    name: str
    title: str
    how: str
    higher_is_better: bool = True
    card: str = ""
    of_set: bool = False
    digits: int = 4


METRICS = (
    Metric("ssim", "SSIM", f"{SSIM}; mean without the border"),
    Metric("psnr", "PSNR, dB", PSNR, digits=2),
    Metric("ssim_garment", "SSIM, garment", f"{SSIM}; mean over the mask"),
    Metric("ssim_rest", "SSIM, rest", f"{SSIM}; mean outside the mask"),
    Metric("psnr_garment", "PSNR, garment, dB", f"{PSNR}, in the mask", digits=2),
    Metric("psnr_rest", "PSNR, rest, dB", f"{PSNR}, outside the mask", digits=2),
    Metric(
        "identity_kept",
        "Identity kept, %",
        f"pixels outside the mask within {TOLERANCE} of 255 of the photograph in each channel",
        digits=2,
    ),
    Metric("identity_psnr", "Identity, dB", f"{PSNR}, against the photograph outside the mask", digits=2),
    Metric("lpips", "LPIPS", "LPIPS 0.1 with VGG-16, heads of torchmetrics", False, "vgg16"),
    Metric("dists", "DISTS", "DISTS at the judged size, weights of torchmetrics", False, "vgg16"),
    Metric(
        "fid",
        "FID",
        "Fréchet distance of 2048 Inception features, bicubic to 299 x 299 with antialiasing, covariances over N - 1",
        False,
        "fid-inception",
        True,
        2,
    ),
    Metric(
        "kid",
        "KID x 1000",
        "unbiased cubic-kernel MMD² of the same features over all pairs, times 1000",
        False,
        "fid-inception",
        True,
        3,
    ),
    Metric(
        "clip_i",
        "CLIP-I, garment",
        "cosine of CLIP ViT-B/32 embeddings of the garment's picture and of the result, cut to the mask's box if any",
        card="clip-vit-b32",
    ),
)
