"""What is computed once and kept in host memory, to be moved to the device each time it is needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from cachetools import LRUCache
from torch import Tensor

from models.base import GarmentCache

Tensors = tuple[Tensor, ...]

CONSTANT_BYTES = 4 * 2**30
"""Room for what depends on neither garment nor person: 69 MB a timestep at 1024x768 in 16 bits."""


def remembered(
    cache: GarmentCache | None, key: Hashable, device: torch.device, compute: Callable[[], Tensors]
) -> Tensors:
    """The tensors under `key`, on the device; computed when they are not there.

    Both copies are queued on the device's stream, so neither waits for it, and what is read is what was written.
    """
    if cache is None:
        return compute()
    kept = cache.get(key)
    if kept is not None:
        return tuple(tensor.to(device, non_blocking=True) for tensor in kept)
    computed = compute()
    cache[key] = tuple(tensor.to("cpu", non_blocking=True) for tensor in computed)
    return computed


def constants() -> GarmentCache:
    """A memory of its own for what each picture needs again, so that garments do not push it out."""
    memory: LRUCache[Any, Any] = LRUCache(CONSTANT_BYTES, lambda tensors: sum(tensor.nbytes for tensor in tensors))
    return memory
