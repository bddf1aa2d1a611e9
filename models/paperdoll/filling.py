"""Push and pull: colours known in places, spread smoothly over the rest."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def push_pull(colours: Tensor, weights: Tensor) -> Tensor:
    """`colours` `[B, 3, H, W]` where `weights` `[B, 1, H, W]` in [0, 1] are high, elsewhere the colours nearby."""
    height, width = colours.shape[2:]
    if min(height, width) < 2:
        return colours
    odd = (0, width % 2, 0, height % 2)
    weighted = functional.avg_pool2d(functional.pad(colours * weights, odd), 2)
    halved = functional.avg_pool2d(functional.pad(weights, odd), 2)
    coarse = push_pull(weighted / halved.clamp_min(1e-4), (halved * 4).clamp(max=1))
    spread = functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return spread + (colours - spread) * weights
