"""Windows of a picture: the pixels in them, and small fields at their size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

Window = tuple[slice, slice]  # rows and columns of a picture
Size = tuple[int, int]
BAND = 64  # rows that are made at once, of the few small ones that they depend on


@dataclass(frozen=True, slots=True)
class Enlargement:
    """Bicubic, from all of a small field to one `window` of the large size; a matrix `[new, old]` for each side."""

    window: Window
    rows: Tensor
    columns: Tensor

    @classmethod
    def around(cls, mask: Tensor, size: Size) -> Self:
        """To all that a small mask `[h, w]` touches; to a corner where it is empty."""
        height, width = mask.shape
        window = _touched(mask.any(1), size[0]), _touched(mask.any(0), size[1])
        return cls(window, _weights(height, size[0])[window[0]], _weights(width, size[1])[window[1]])

    def __call__(self, field: Tensor) -> Tensor:
        """`field` `[C, h, w]`."""
        used = _used(self.columns)
        wide = field[..., used] @ self.columns[:, used].T
        large = wide.new_empty(len(field), len(self.rows), len(self.columns))
        for first in range(0, len(self.rows), BAND):
            band = self.rows[first : first + BAND]
            used = _used(band)
            torch.matmul(band[:, used], wide[:, used], out=large[:, first : first + BAND])
        return large


def centres(window: Window, size: Size) -> Tensor:
    """Of the pixels in a window of a picture: `[h, w, 2]` (x, y) in [-1, 1] of the picture."""
    y, x = ((torch.arange(side.start, side.stop) + 0.5) / full * 2 - 1 for side, full in zip(window, size, strict=True))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


@lru_cache(maxsize=16)  # a shop's photographs have few sizes
def _weights(old: int, new: int) -> Tensor:
    """What each of `new` places takes from each of `old`."""
    return functional.interpolate(torch.eye(old)[None, None], size=(new, old), mode="bicubic")[0, 0]


def _touched(places: Tensor, new: int) -> slice:
    """Where more than half can come of small `places` `bool [n]`: within one of them."""
    among = places.nonzero()[:, 0].tolist() or [-1]
    scale = new / len(places)
    return slice(max(0, math.floor((among[0] - 0.5) * scale)), min(new, math.ceil((among[-1] + 1.5) * scale)))


def _used(weights: Tensor) -> slice:
    """From the first to the last column that is not zero everywhere."""
    used = weights.any(0).nonzero()[:, 0].tolist()
    return slice(used[0], used[-1] + 1)
