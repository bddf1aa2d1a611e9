"""The watchdog over all stages under way: the process ends when one of them outlives its jobs' time.

It needs no interpreter, for one long call into C or CUDA can be interrupted by nothing else. What merely waits for a
stage is not under it.
"""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
AT_ONCE_S = 0.001


class Deadlines:
    """faulthandler has one timer; it is set for the stage that must end first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[object, float] = {}
        self._set_for: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the process, with every thread's traceback on stderr, if the block takes longer."""
        stage = object()
        with self._lock:
            self._ends[stage] = time.monotonic() + seconds
            self._set()
        try:
            yield
        finally:
            with self._lock:
                del self._ends[stage]
                self._set()

    def _set(self) -> None:
        first = min(self._ends.values(), default=None)
        if first == self._set_for:
            return
        self._set_for = first
        if first is None:
            faulthandler.cancel_dump_traceback_later()
        else:
            left_s = max(first - time.monotonic(), AT_ONCE_S)
            faulthandler.dump_traceback_later(left_s, exit=True, file=STDERR)
