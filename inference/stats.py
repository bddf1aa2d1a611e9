"""What a worker counts, for its heartbeat to publish: numbers by dotted names, rising but for bytes."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

WALL = "wall_s"


class Stats:
    """Counters that any thread may raise, e.g. `pictures`, `batches.4`, `seconds.denoise`, `reuse.device.hits`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._began_at = time.monotonic()

    def add(self, name: str, amount: float = 1) -> None:
        with self._lock:
            self._counts[name] += amount  # type: ignore[assignment]

    def put(self, name: str, amount: float) -> None:
        """For what rises and falls, e.g. `reuse.latents.host.bytes`."""
        with self._lock:
            self._counts[name] = amount  # type: ignore[assignment]

    @contextmanager
    def seconds(self, stage: str) -> Iterator[None]:
        """Add how long the block takes to `seconds.<stage>`."""
        began_at = time.monotonic()
        try:
            yield
        finally:
            self.add(f"seconds.{stage}", time.monotonic() - began_at)

    def snapshot(self) -> dict[str, float]:
        """All of them, and `wall_s` since the worker began."""
        with self._lock:
            return {WALL: time.monotonic() - self._began_at, **self._counts}

    def to_json(self) -> str:
        return json.dumps({name: round(value, 6) for name, value in self.snapshot().items()}, separators=(",", ":"))
