"""Pictures as networks that were trained on ImageNet take them."""

from __future__ import annotations

import torch
from torch import Tensor

from models.preprocess.fitting import Pixels

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def normalised(image: Pixels, device: torch.device, dtype: torch.dtype) -> Tensor:
    """`uint8 [H, W, 3] RGB` as `[1, 3, H, W]` of mean 0 and deviation 1 over ImageNet."""
    pixels = torch.tensor(image, device=device).permute(2, 0, 1)[None] / 255
    mean, deviation = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return ((pixels - mean) / deviation).to(dtype)
