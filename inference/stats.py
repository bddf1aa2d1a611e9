"""What a worker counts, for its heartbeat to publish: numbers by dotted names, rising but for bytes."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

WALL = "wall_s"
PROBE_EVERY_S = 1.0  # what a probe tells is that old at most


class Stats:
    """Counters that any thread may raise, e.g. `pictures`, `batches.4`, `seconds.denoise`, `reuse.device.hits`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._began_at = time.monotonic()
        self._probes: list[Callable[[], Mapping[str, float]]] = []
        self._probed_at = -PROBE_EVERY_S

    def add(self, name: str, amount: float = 1) -> None:
        with self._lock:
            self._counts[name] += amount  # type: ignore[assignment]

    def put(self, name: str, amount: float) -> None:
        """For what rises and falls, e.g. `reuse.latents.host.bytes`."""
        with self._lock:
            self._counts[name] = amount  # type: ignore[assignment]

    def watch(self, probe: Callable[[], Mapping[str, float]]) -> None:
        """Put what `probe` tells, asked when it is published."""
        self._probes.append(probe)

    @contextmanager
    def seconds(self, stage: str) -> Iterator[None]:
        """Add how long the block takes to `seconds.<stage>`, and one to `runs.<stage>`."""
        began_at = time.monotonic()
        try:
            yield
        finally:
            self._ran(stage, time.monotonic() - began_at)

    def laps(self, stage: str) -> Callable[[], None]:
        """Each call adds a run of `stage`, which began at the call before, or now."""
        began_at = time.monotonic()

        def lap() -> None:
            nonlocal began_at
            now = time.monotonic()
            self._ran(stage, now - began_at)
            began_at = now

        return lap

    def snapshot(self) -> dict[str, float]:
        """All of them, and `wall_s` since the worker began."""
        self._probe()
        with self._lock:
            return {WALL: time.monotonic() - self._began_at, **self._counts}

    def _ran(self, stage: str, took_s: float) -> None:
        with self._lock:
            self._counts[f"seconds.{stage}"] += took_s  # type: ignore[assignment]
            self._counts[f"runs.{stage}"] += 1

    def _probe(self) -> None:
        now = time.monotonic()
        if now - self._probed_at < PROBE_EVERY_S:
            return
        self._probed_at = now
        for probe in self._probes:
            for name, amount in probe().items():
                self.put(name, amount)

    def to_json(self) -> str:
        return json.dumps({name: round(value, 6) for name, value in self.snapshot().items()}, separators=(",", ":"))
