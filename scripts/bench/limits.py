"""What a device can do at most, measured: multiplying large matrices, and moving memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from scripts.bench.making import synchronize
from scripts.bench.spread import Spread, spread_of

SIDE = {"cuda": 8192, "cpu": 1024}  # of the matrices
BYTES = {"cuda": 2**31, "cpu": 2**27}  # that are copied
REPEATS = 7


@dataclass(frozen=True, slots=True)
class Limits:
    """`tflops`: of a large matrix multiplication in `dtype`, TFLOP/s; `gbytes`: read and written by a copy, GB/s."""

    dtype: torch.dtype
    tflops: Spread
    gbytes: Spread


def limits_of(device: torch.device, dtype: torch.dtype) -> Limits:
    """Of several repeats after a warm one, a few seconds in all."""
    side, count = SIDE[device.type], BYTES[device.type] // 4
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(one)
    source = torch.ones(count, device=device)
    target = torch.empty_like(source)
    multiplying, copying = [], []
    with torch.inference_mode():
        for _ in range(REPEATS + 1):
            multiplying.append(_seconds(device, lambda: torch.mm(one, other, out=out)))
            copying.append(_seconds(device, lambda: target.copy_(source)))
    return Limits(
        dtype,
        tflops=spread_of([2 * side**3 / seconds / 1e12 for seconds in multiplying[1:]]),
        gbytes=spread_of([2 * source.nbytes / seconds / 1e9 for seconds in copying[1:]]),
    )


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started
