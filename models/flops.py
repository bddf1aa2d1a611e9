"""How much work a picture is: floating-point operations, counted on the meta device, where nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

TERA = 1e12


@dataclass(frozen=True, slots=True)
class FlopCount:
    """TFLOP (a multiply and an add are two) of one finished picture at the card's defaults.

    `parts`: by part, of which `denoise` is the sampling loop without a cached garment; others are `text`, `encode`
    and `decode` where there are such parts. `denoise_published`: the loop as the published code runs it.
    `denoise_garment_cached`: the loop when all that depends on the garment alone is already there; None where a
    cache saves nothing exactly. `savings`: what makes the difference, a sentence each.
    """

    parts: Mapping[str, float]
    denoise_published: float
    denoise_garment_cached: float | None = None
    savings: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def count(work: Callable[[], object]) -> float:
    """TFLOP of `work`, whose tensors and networks must all be on the meta device."""
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops() / TERA)
