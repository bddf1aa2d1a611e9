"""How much memory the API processes and Redis take, looked at while something runs."""

from __future__ import annotations

import asyncio
import statistics
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

import psutil

from scripts.soak.estate import Estate
from scripts.soak.findings import Findings

LOOK_EVERY_S = 0.2
MEGABYTE = 1e6
MAY_GROW_BY, MAY_GROW_MB = 0.1, 8.0  # in the second half, of what it took in the first


class Memory:
    """Looks from the entry of its context to the end."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._taken_mb: dict[str, list[float]] = defaultdict(list)
        self._looking: asyncio.Task[None] | None = None

    def tell(self, findings: Findings) -> None:
        """Of each part, at the start, at most, and at the end; it is flat when the second half took no more."""
        for name, taken in self._taken_mb.items():
            half = len(taken) // 2
            before, after = statistics.median(taken[:half]), statistics.median(taken[half:])
            findings.tell(
                f"memory of {name}",
                f"{taken[0]:.1f} MB at the start, at most {max(taken):.1f}, {taken[-1]:.1f} at the end",
                kept=after <= before * (1 + MAY_GROW_BY) + MAY_GROW_MB,
                **{f"{name.replace(' ', '_')}_mb": [round(taken[0], 1), round(max(taken), 1), round(taken[-1], 1)]},
            )

    async def _look(self) -> None:
        while True:
            for number, process in enumerate(self._estate.apis.values(), 1):
                self._taken_mb[f"API {number}"].append(psutil.Process(process.pid).memory_info().rss / MEGABYTE)
            told: Any = self._estate.redis.info("memory")
            self._taken_mb["Redis"].append(told["used_memory"] / MEGABYTE)
            await asyncio.sleep(LOOK_EVERY_S)

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._looking is not None
        self._looking.cancel()
