"""What a worker's process takes of its machine, for its heartbeat to tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import psutil

Figures = Mapping[str, float]


def process_figures() -> Callable[[], Figures]:
    """A probe of this process: its memory, and the processor time that it took."""
    process = psutil.Process()

    def probe() -> Figures:
        with process.oneshot():
            return {"process.resident_bytes": process.memory_info().rss, "process.cpu_s": time.process_time()}

    return probe
