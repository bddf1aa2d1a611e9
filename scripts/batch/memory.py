"""The most memory that was ever taken to make pictures here."""

from __future__ import annotations

import os

import torch

from scripts.fuzz.memory import peak_of


def peak_bytes(device: str) -> int:
    """Of the tensors on a GPU, or on a CPU of this whole process; 0 where the system does not tell."""
    if device == "cpu":
        return peak_of(os.getpid())
    return torch.cuda.max_memory_allocated(torch.device(device))
