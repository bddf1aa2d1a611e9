"""How often shared pictures are opened from one network address: counted in this process alone, and soon forgotten."""

from __future__ import annotations

import time
from collections import Counter

from api.errors import TooManyViews

WINDOW_S = 60.0
MOST = 120  # pages and pictures; a page is two


class Views:
    """Of the current minute."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._until = 0.0  # of the monotonic clock

    def count(self, visitor: str) -> None:
        """One more of `visitor`, a hash of an address.

        Raises:
            TooManyViews: there were many already.
        """
        now = time.monotonic()
        if now >= self._until:
            self._counts.clear()
            self._until = now + WINDOW_S
        self._counts[visitor] += 1
        if self._counts[visitor] > MOST:
            raise TooManyViews(max(1, round(self._until - now)))
