"""The attention kernels, timed at the shapes of the families' largest attentions."""

from __future__ import annotations

import time
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from scripts.bench.making import synchronize
from scripts.bench.spread import spread_of

REPEATS = 10
BACKENDS = (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
SHAPES = {  # heads, queries, keys, channels of a head; two guidance branches
    "fashn_vton": (10, 6912, 6912, 128),
    "catvton": (8, 24576, 24576, 40),
    "leffa": (8, 12288, 24576, 40),
    "flux2_klein": (24, 9728, 9728, 128),
}
MOST_SCORES = 2**30  # of the math kernel, which keeps all of them in float32, more than once
SMALLER = 64  # times fewer tokens, where there is no GPU


def attention(device: torch.device) -> dict[str, Any]:
    """TFLOP/s of each kernel for each family's largest attention; None where the kernel cannot."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    fewer = 1 if device.type == "cuda" else SMALLER
    told: dict[str, Any] = {}
    for name, (heads, queries, keys, channels) in SHAPES.items():
        query = torch.randn(2, heads, queries // fewer, channels, device=device, dtype=dtype)
        key, value = (torch.randn(2, heads, keys // fewer, channels, device=device, dtype=dtype) for _ in range(2))
        work = 2 * 4 * heads * (queries // fewer) * (keys // fewer) * channels / 1e12
        told[name] = {backend.name: _tflops(backend, (query, key, value), work, device) for backend in BACKENDS}
    return told


def _tflops(backend: SDPBackend, heads: tuple[Tensor, Tensor, Tensor], work: float, device: torch.device) -> Any:
    query, key, _ = heads
    if backend is SDPBackend.MATH and query[..., 0].numel() * key.shape[2] > MOST_SCORES:
        return None
    seconds = []
    try:
        with torch.inference_mode(), sdpa_kernel(backend):
            for _ in range(REPEATS + 2):
                synchronize(device)
                started = time.perf_counter()
                F.scaled_dot_product_attention(*heads)
                synchronize(device)
                seconds.append(time.perf_counter() - started)
    except RuntimeError:
        return None
    spread = spread_of([work / one for one in seconds[2:]])
    return {"tflops": spread.median, "low": spread.low, "high": spread.high}
