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
        self._batch_s = 0.0
        self._began_at: float | None = None
        self._fraction = 0.0

    def prepared(self, seconds: float) -> None:
        """A batch took so long from its claim until it was ready."""
        share = NEWEST if self._preparation_s else 1.0
        self._preparation_s += share * (seconds - self._preparation_s)

    def began(self) -> None:
        """The device began a batch."""
        self._fraction, self._began_at = 0.0, time.monotonic()

    def progress(self, fraction: float) -> None:
        self._fraction = fraction

    def ended(self) -> None:
        if self._began_at is not None:
            self._batch_s = time.monotonic() - self._began_at
        self._began_at = None

    @property
    def is_running(self) -> bool:
        return self._began_at is not None

    def early_by_s(self) -> float:
        """How long the next claim can still wait; 0 when it is time."""
        began_at, fraction = self._began_at, self._fraction  # read once, for the device loop changes them
        if began_at is None:
            return 0.0
        elapsed_s = time.monotonic() - began_at
        if fraction:
            left_s = elapsed_s * (1 - fraction) / fraction
        else:
            left_s = self._batch_s - elapsed_s if self._batch_s else math.inf
        return max(0.0, left_s - CAUTION * self._preparation_s - SLACK_S)
