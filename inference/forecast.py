"""When the device will be free, and how long the next batch takes to be made ready: so late is early enough."""

from __future__ import annotations

import math
import time

SLACK_S = 0.02
CAUTION = 1.5  # of the time that preparations took lately
NEWEST = 0.3  # the newest preparation's weight among those before


class Forecast:
    """Told by the intake how long preparations take, and by the device loop how far its batch is."""

    def __init__(self) -> None:
        self._preparation_s = 0.0
        self._batch_s = math.inf
        self._steps_s = math.inf  # of all steps of a batch, at the pace of the last one
        self._began_at: float | None = None
        self._mark = (0.0, 0.0)  # when a step ended, and which share of them was done by then

    def prepared(self, seconds: float) -> None:
        """A batch took so long from its claim until it was ready."""
        share = NEWEST if self._preparation_s else 1.0
        self._preparation_s += share * (seconds - self._preparation_s)

    def began(self) -> None:
        """The device began a batch."""
        now = time.monotonic()
        self._mark, self._began_at = (now, 0.0), now

    def progress(self, fraction: float) -> None:
        """A step ended; the first has what comes before it in its time, and tells nothing of the others."""
        now, (before, fraction_before) = time.monotonic(), self._mark
        if 0 < fraction_before < fraction:
            self._steps_s = (now - before) / (fraction - fraction_before)
        self._mark = now, fraction

    def ended(self) -> None:
        if self._began_at is not None:
            self._batch_s = time.monotonic() - self._began_at
        self._began_at = None

    @property
    def is_running(self) -> bool:
        return self._began_at is not None

    def early_by_s(self) -> float:
        """How long the next claim can still wait; 0 when it is time."""
        began_at, (marked_at, fraction) = self._began_at, self._mark  # read once, for the device loop changes them
        if began_at is None:
            return 0.0
        if fraction:
            left_s = self._steps_s * (1 - fraction) - (time.monotonic() - marked_at) if fraction < 1 else 0.0
        else:
            left_s = self._batch_s - (time.monotonic() - began_at)
        return max(0.0, left_s - CAUTION * self._preparation_s - SLACK_S)
