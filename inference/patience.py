"""Waiting for a Redis that is away for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

T = TypeVar("T")

AWAY = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, OutOfMemoryError)
"""What a server looks like that is away, starting, loading its file, handing over to another, or full."""

PATIENCE_S = 120.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0

logger = logging.getLogger(__name__)


def patiently(call: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """`call()`, again and again while Redis is away, for at most `patience_s` seconds. It must bear repetition.

    Raises:
        RedisError: one of `AWAY`, Redis stayed away; any other, at once.
    """
    give_up_at = time.monotonic() + patience_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return call()
        except AWAY as error:
            if time.monotonic() >= give_up_at:
                raise
            logger.warning("Redis is away (%s); trying again in %.2g s", error, pause_s)
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
