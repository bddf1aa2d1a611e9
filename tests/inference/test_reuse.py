"""The garment cache holds what fits, and forgets what was used least recently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from inference.reuse import GarmentCache, num_bytes_of


@dataclass(frozen=True)
class Features:
    keys: list[torch.Tensor]
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    name: str


def test_the_bytes_of_nested_tensors_are_counted() -> None:
    features = Features([torch.zeros(2, 3), torch.zeros(4, dtype=torch.float16)], np.zeros((5, 5), np.uint8), "x")
    assert num_bytes_of({"a": (features,), "b": torch.zeros(1, dtype=torch.float64)}) == 24 + 8 + 25 + 8


def test_the_least_recently_used_garment_goes_first() -> None:
    cache = GarmentCache(100)
    for name in ("a", "b"):
        cache[name] = torch.zeros(10)
    assert cache.get("a") is not None
    cache["c"] = torch.zeros(10)
    assert set(cache) == {"a", "c"}


def test_what_is_larger_than_the_cache_is_not_kept_and_drives_nothing_out() -> None:
    cache = GarmentCache(100)
    cache["a"] = torch.zeros(10)
    cache["huge"] = torch.zeros(1000)
    assert set(cache) == {"a"}


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = GarmentCache(0)
    cache["a"] = torch.zeros(1)
    assert cache.get("a") is None
