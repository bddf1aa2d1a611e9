"""Tensors on their way to a device and back, without making anybody wait.

Torch keeps pinned memory until the copies from it that were begun are made, also when its tensor is let go at once. It
must not be written to meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[np.uint8]


def pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor in host memory from which a GPU reads by itself; for a CPU, the tensor."""
    return tensor.pin_memory() if device.type == "cuda" else tensor


def pinned_array(array: Array, device: torch.device) -> Array:
    """The same of an array, for `torch.from_numpy` to find."""
    if device.type != "cuda":
        return array
    pinned_one: npt.NDArray[Any] = torch.from_numpy(np.ascontiguousarray(array)).pin_memory().numpy()
    return pinned_one


def to_device(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """On the device, and there in `dtype`: a copy that also converts would go by way of memory that is not pinned.

    Nobody waits for what lies in pinned memory.
    """
    return tensor.to(device, non_blocking=True).to(dtype or tensor.dtype)


def uploaded(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """`to_device` of what was not pinned yet."""
    return to_device(pinned(tensor, device), device, dtype)


def all_to_device(tensors: Sequence[Tensor], device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """`[1, ...]` each, as one batch `[B, ...]`: put together there, as it would not be pinned any more here."""
    return torch.cat([to_device(tensor, device, dtype) for tensor in tensors])


def to_host(tensor: Tensor) -> Tensor:
    """The tensor in host memory; from a GPU it is still under way: wait for the stream before you read it."""
    if tensor.device.type != "cuda":
        return tensor
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)
