"""What is computed once and kept in host memory, to be moved to the device each time it is needed.

All copies are queued on the device's stream, so none waits for it, and what is read is what was written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from models.base import GarmentCache

Tensors = tuple[Tensor, ...]


def remembered(
    cache: GarmentCache | None, key: Hashable, device: torch.device, compute: Callable[[], Tensors]
) -> Tensors:
    """The tensors under `key`, on the device; computed when they are not there."""
    if cache is None:
        return compute()
    kept = cache.get(key)
    if kept is not None:
        return _moved(kept, device)
    computed = compute()
    cache[key] = _moved(computed, torch.device("cpu"))
    return computed


@dataclass(frozen=True, slots=True)
class Film:
    """A sequence of `num_frames` tensors that is remembered in order, as far as it was computed before.

    It grows under one `key` of the cache, which therefore throws it out as a whole. One that could not be kept whole is
    not begun, so that it pushes nothing else out; one that was thrown out while it grew is not begun again half-way.
    """

    cache: GarmentCache | None
    key: Hashable
    num_frames: int
    device: torch.device

    def frame(self, index: int, compute: Callable[[], Tensors]) -> Tensors:
        kept = cast("tuple[Tensors, ...]", () if self.cache is None else self.cache.get(self.key, ()))
        if index < len(kept):
            return _moved(kept[index], self.device)
        computed = compute()
        if self.cache is not None and len(kept) == index and self._has_room(self.cache, computed):
            self.cache[self.key] = (*kept, _moved(computed, torch.device("cpu")))
        return computed

    def _has_room(self, cache: GarmentCache, frame: Tensors) -> bool:
        """Frames are of one size."""
        most = getattr(cache, "maxsize", math.inf)
        return self.num_frames * sum(tensor.nbytes for tensor in frame) <= most


def _moved(tensors: Tensors, device: torch.device) -> Tensors:
    return tuple(tensor.to(device, non_blocking=True) for tensor in tensors)
