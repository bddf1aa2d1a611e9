"""Which attention kernel is fastest, found by timing those that torch has here on a forward's own attentions."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.nn import attention
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from inference.forwards import Call, Run

NUM_RUNS = 5
IMPLEMENTATION = "FA3"
HEADS = ("query", "key", "value")  # as torch's attention calls them


class Kernel(StrEnum):
    """`flash3` takes the place of torch's own flash attention where the flash-attn-3 package is there."""

    FLASH = "flash"
    FLASH3 = "flash3"
    CUDNN = "cudnn"
    EFFICIENT = "efficient"
    MATH = "math"


BACKENDS = {
    Kernel.FLASH: SDPBackend.FLASH_ATTENTION,
    Kernel.FLASH3: SDPBackend.FLASH_ATTENTION,
    Kernel.CUDNN: SDPBackend.CUDNN_ATTENTION,
    Kernel.EFFICIENT: SDPBackend.EFFICIENT_ATTENTION,
    Kernel.MATH: SDPBackend.MATH,
}


class Listening(TorchFunctionMode):
    """Counts the attentions that run within it, by what a kernel is chosen by."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Counter[tuple[Hashable, ...]] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            heads = dict(zip(HEADS, args, strict=False)) | kwargs
            self.heard[tuple((tuple(heads[name].shape), heads[name].dtype) for name in HEADS)] += 1
        return func(*args, **kwargs)


def fastest(run: Run, call: Call, device: torch.device) -> list[Kernel]:
    """The kernels that can do every attention of one `call`, the fastest over all of them first, then the others.

    Empty when there is no attention.
    """
    with Listening() as listening:
        call.of(run)
    seconds: dict[Kernel, float] = {}
    for kernel in available(device):
        with contextlib.suppress(RuntimeError):  # it has no answer to one of the shapes
            seconds[kernel] = sum(num * _seconds(kernel, shape, device) for shape, num in listening.heard.items())
    ranked = sorted(seconds, key=lambda kernel: seconds[kernel])
    return [*ranked, *(one for one in Kernel if one not in ranked and one is not Kernel.FLASH3)] if ranked else []


def within(kernels: Sequence[Kernel], run: Run) -> Run:
    """`run` with `kernels` in their order; what is compiled in it keeps them."""
    order = list(dict.fromkeys(BACKENDS[kernel] for kernel in kernels))
    if kernels[0] is Kernel.FLASH3:
        attention.activate_flash_attention_impl(IMPLEMENTATION)

    def chosen(*args: Any, **kwargs: Any) -> Any:
        with sdpa_kernel(order, set_priority=True):
            return run(*args, **kwargs)

    return chosen


def available(device: torch.device) -> list[Kernel]:
    """Those that torch may have on a device; a CPU has two."""
    if device.type != "cuda":
        return [Kernel.FLASH, Kernel.MATH]
    return [Kernel.FLASH, *_third_flash(device), Kernel.CUDNN, Kernel.EFFICIENT, Kernel.MATH]


def _third_flash(device: torch.device) -> list[Kernel]:
    has_it = torch.cuda.get_device_capability(device)[0] == 9
    has_it = has_it and IMPLEMENTATION in getattr(attention, "list_flash_attention_impls", list)()
    if not has_it:
        return []
    try:
        with _active(Kernel.FLASH3):
            return [Kernel.FLASH3]
    except (ImportError, RuntimeError):
        return []


@contextlib.contextmanager
def _active(kernel: Kernel) -> Iterator[None]:
    if kernel is not Kernel.FLASH3:
        yield
        return
    attention.activate_flash_attention_impl(IMPLEMENTATION)
    try:
        yield
    finally:
        attention.restore_flash_attention_impl()


def _seconds(kernel: Kernel, shapes: Sequence[Any], device: torch.device) -> float:
    """The shortest of some runs."""
    query, key, value = (torch.randn(shape, dtype=dtype, device=device) for shape, dtype in shapes)
    with _active(kernel), sdpa_kernel([BACKENDS[kernel]]):
        return min(_timed(lambda: F.scaled_dot_product_attention(query, key, value), device) for _ in range(NUM_RUNS))


def _timed(run: Callable[[], Tensor], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started_at = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started_at
