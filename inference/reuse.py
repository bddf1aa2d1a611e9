"""What is kept of garments between requests, in host memory, the least recently used out first."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from cachetools import LRUCache


class GarmentCache(LRUCache[Hashable, Any]):
    """A `models.base.GarmentCache` of at most `num_bytes`. What is larger by itself is not kept at all."""

    def __init__(self, num_bytes: int) -> None:
        super().__init__(num_bytes, getsizeof=num_bytes_of)

    def __setitem__(self, key: Hashable, value: Any, *args: Any, **kwargs: Any) -> None:
        if num_bytes_of(value) <= self.maxsize:
            super().__setitem__(key, value, *args, **kwargs)


def num_bytes_of(value: Any) -> int:
    """Of the tensors and arrays in `value`: one, or tuples, lists, dictionaries and dataclasses of them."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return int(value.nbytes)
    if isinstance(value, dict):
        return sum(map(num_bytes_of, value.values()))
    if isinstance(value, (tuple, list)):
        return sum(map(num_bytes_of, value))
    if is_dataclass(value):
        return sum(num_bytes_of(getattr(value, field.name)) for field in fields(value))
    return 0
