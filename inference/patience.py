"""Waiting for a Redis that is away for a while."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

T = TypeVar("T")

AWAY = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, OutOfMemoryError)
REFUSALS = ("NOREPLICAS", "MISCONF", "BUSY ")
"""Too few replicas are there, its disk is full, a script runs too long: it takes nothing now, and will again."""

PATIENCE_S = 120.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0

logger = logging.getLogger(__name__)


def is_away(error: Exception) -> bool:
    """Whether a server looks so that is away, starting, loading its file, handing over to another, or takes nothing."""
    return isinstance(error, AWAY) or (isinstance(error, ResponseError) and str(error).startswith(REFUSALS))


class Patience:
    """Calls, again and again while Redis is away, for at most `seconds` each; `end_within` bounds all that is to come.

    What is called must bear repetition.
    """

    def __init__(self, seconds: float = PATIENCE_S) -> None:
        self._seconds = seconds
        self._ends_at = math.inf

    def end_within(self, seconds: float) -> None:
        """Also for calls under way; from then on each is tried once."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)

    def __call__(self, call: Callable[[], T]) -> T:
        """What `call` returns.

        Raises:
            RedisError: Redis stayed away; any other error, at once.
        """
        began_at, pause_s = time.monotonic(), FIRST_PAUSE_S
        while True:
            try:
                return call()
            except RedisError as error:
                if not is_away(error) or time.monotonic() >= min(began_at + self._seconds, self._ends_at):
                    raise
                logger.warning("Redis is away (%s); trying again in %.2g s", error, pause_s)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def patiently(call: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """`call()`, with a patience of its own."""
    return Patience(patience_s)(call)
