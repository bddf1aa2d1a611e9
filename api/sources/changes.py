"""Follows what shops changed, whichever process was told of it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from api.sources.kept import CHANGES, MOST_CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

log = logging.getLogger(__name__)

BLOCK_MS = 2000
PAUSE_S = 1.0
AT_A_TIME = 500


class Changes:
    """Calls `changed(shop, product)` for each, and `lost()` where some may have been missed."""

    def __init__(self, redis: Redis, changed: Callable[[str, str], None], lost: Callable[[], None]) -> None:
        self._redis, self._changed, self._lost = redis, changed, lost
        self._last = ""  # the stream's id of the last change that was seen

    async def begin(self) -> None:
        """From the changes that there are by now."""
        self._last = await self._newest()
        self._lost()

    async def follow(self) -> None:
        """Until it is cancelled. While Redis is away nothing is missed: the stream tells it afterwards."""
        while True:
            try:
                await (self._look() if self._last else self.begin())
            except RedisError as error:
                log.warning("Redis does not tell which products changed: %s", error)
                await asyncio.sleep(PAUSE_S)

    async def _newest(self) -> str:
        newest: Any = await self._redis.xrevrange(CHANGES, count=1)
        return str(newest[0][0], "ascii") if newest else "0-0"

    async def _look(self) -> None:
        told: Any = await self._redis.xread({CHANGES: self._last}, count=AT_A_TIME, block=BLOCK_MS)
        entries = told[0][1] if told else []
        if not entries and _order(await self._newest()) < _order(self._last):  # Redis lost its memory
            self._last = ""
        for name, fields in entries:
            self._last = name.decode()
            self._changed(fields[b"shop"].decode(), fields[b"product"].decode())
        if len(entries) == AT_A_TIME and await self._redis.xlen(CHANGES) >= MOST_CHANGES:
            self._lost()  # some may have been trimmed before they were seen


def _order(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split("-")))
