"""Upsampling by nearest neighbours and the convolution after it, in one step.

Of the nine pixels that a 3x3 kernel sees in a doubled picture, only four differ. Adding up the weights that fall on
the same pixel first leaves four of nine multiplications, and no doubled picture in memory.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn


class Doubling(nn.Module):
    """What an `Upsample2D` with a 3x3 convolution computes."""

    def __init__(self, upsample: Any) -> None:
        super().__init__()
        self._upsample = upsample
        weight = upsample.conv.weight
        wide = summed(weight.to(torch.promote_types(weight.dtype, torch.float32)))
        self.kernel = nn.Parameter(wide.to(weight.dtype), requires_grad=False)

    def forward(self, hidden: Tensor, output_size: tuple[int, int] | None = None) -> Tensor:
        """`[B, C, h, w]` -> `[B, C, 2 h, 2 w]`, or `output_size` where an odd size was halved before."""
        height, width = hidden.shape[-2:]
        if output_size is not None and tuple(output_size) != (2 * height, 2 * width):
            enlarged: Tensor = self._upsample(hidden, output_size=output_size)
            return enlarged
        return F.conv_transpose2d(hidden, self.kernel, self._upsample.conv.bias, stride=2, padding=1)


def summed(weight: Tensor) -> Tensor:
    """The kernel `[C_in, C_out, 4, 4]` of a transposed convolution of stride 2, from `[C_out, C_in, 3, 3]`.

    A pixel of the picture reaches four rows of the doubled one: the outer ones by one row of the kernel, the inner
    ones by two.
    """
    for axis in (2, 3):
        first, second, third = weight.unbind(axis)
        weight = torch.stack([third, second + third, first + second, first], axis)
    return weight.transpose(0, 1).contiguous()


def double_in_one_step(network: Any) -> None:
    """Replaces each upsampling of a UNet or VAE that a convolution follows."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Upsample2D) and child.use_conv and child.interpolate:
                setattr(module, name, Doubling(child))
