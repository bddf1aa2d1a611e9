"""What a device can do at most, measured: multiplying large matrices, and moving memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from scripts.bench.making import synchronize

SIDE = {"cuda": 8192, "cpu": 1024}  # of the matrices
BYTES = {"cuda": 2**31, "cpu": 2**27}  # that are copied
REPEATS = 7
REPEAT_S = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """`tflops`: of a large matrix multiplication in `dtype`, TFLOP/s; `gbytes`: read and written by a copy, GB/s."""

    dtype: torch.dtype
    tflops: float
    gbytes: float


def limits_of(device: torch.device, dtype: torch.dtype) -> Limits:
    """The best of several repeats, a second or two in all: a share of less than that would look better than it is."""
    side, count = SIDE[device.type], BYTES[device.type] // 4
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(one)
    source = torch.ones(count, device=device)
    target = torch.empty_like(source)
    wait = partial(synchronize, device)
    with torch.inference_mode():
        multiplying_s = least_s(lambda: torch.mm(one, other, out=out), wait)
        copying_s = least_s(lambda: target.copy_(source), wait)
    return Limits(dtype, tflops=2 * side**3 / multiplying_s / 1e12, gbytes=2 * source.nbytes / copying_s / 1e9)


def least_s(
    work: Callable[[], object], wait: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one `work` on a device for which `wait` waits, in the fastest of several repeats after a warm one.

    In a repeat, as many follow each other without a wait as take `REPEAT_S`: begun one by one, each would count its
    launch and the wait for it as well.
    """

    def seconds_of(num: int) -> float:
        wait()
        started = clock()
        for _ in range(num):
            work()
        wait()
        return (clock() - started) / num

    seconds_of(1)
    num = 1
    while num * seconds_of(num) < REPEAT_S:
        num *= 2
    return min(seconds_of(num) for _ in range(REPEATS))
