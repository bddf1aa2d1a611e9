"""Pictures to latents and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def encoded(vae: Any, pictures: Tensor) -> Tensor:
    """`[B, 3, H, W]` in [-1, 1] -> `[B, 4, H / 8, W / 8]`: the middle of the posterior, so that nothing is drawn here.

    One by one: a picture at a time fills a GPU, and a batch of them its memory.
    """
    modes: list[Tensor] = [vae.encode(one).latent_dist.mode() for one in torch.split(pictures.to(vae.dtype), 1)]
    scale: float = vae.config.scaling_factor
    return torch.cat(modes) * scale


def decoded(vae: Any, latents: Tensor) -> Tensor:
    """`[B, 4, h, w]` -> `[B, 3, 8 h, 8 w]` in [0, 1]."""
    scaled = (latents / vae.config.scaling_factor).to(vae.dtype)
    pictures: Tensor = torch.cat([vae.decode(one).sample for one in torch.split(scaled, 1)])
    return (pictures / 2 + 0.5).clamp(0, 1)
