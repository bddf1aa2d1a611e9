"""Pictures as diffusers' pipelines give them to an autoencoder, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from models.base import Image


def to_tensor(picture: Image) -> Tensor:
    """`float32 [1, 3, H, W]` in [-1, 1], its channels last in memory as in the published pipelines: the layout decides
    in which order an encoder sums, which half precision shows."""
    return torch.from_numpy(picture[None].copy()).permute(0, 3, 1, 2).float() / 255 * 2 - 1


def to_levels(picture: Tensor) -> Tensor:
    """`[3, H, W]` in [0, 1] as `uint8 [H, W, 3]`, where it is."""
    return (picture.float() * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
