"""What a GPU tells of itself: memory and utilisation, by NVML, which neither waits for the device nor disturbs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

logger = logging.getLogger(__name__)


def device_figures(device: torch.device) -> Callable[[], Mapping[str, float]]:
    """A probe of `device`; of a CPU, and of a GPU whose driver does not answer, it tells less or nothing."""
    if device.type != "cuda":
        return dict
    told_of = [False]

    def probe() -> Mapping[str, float]:
        figures = {"device.memory_reserved_bytes": float(torch.cuda.memory_reserved(device))}
        try:
            figures |= _by_nvml(device)
        except Exception as error:  # the driver's: whatever it is, pictures are made all the same
            if not told_of[0]:
                logger.warning("the GPU's driver tells no figures: %s", error)
            told_of[0] = True
        return figures

    return probe


def _by_nvml(device: torch.device) -> dict[str, float]:
    import pynvml

    handle = _handle(device)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    utilisation = pynvml.nvmlDeviceGetUtilizationRates(handle)
    return {
        "device.memory_used_bytes": float(memory.used),
        "device.memory_total_bytes": float(memory.total),
        "device.utilisation": utilisation.gpu / 100,
    }


@cache
def _handle(device: torch.device) -> Any:
    """By the UUID: NVML counts GPUs that CUDA_VISIBLE_DEVICES hides, so its numbers are others."""
    import pynvml

    pynvml.nvmlInit()
    return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
