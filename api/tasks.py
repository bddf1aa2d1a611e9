"""What is to be done after a request was answered: kept in Redis until it is done, by whichever API process lives."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

DUE = "fitting-room:tasks"  # id -> when it is due
WHAT = "fitting-room:tasks:what"  # id -> the task as JSON
NEWS = "fitting-room:tasks:news"  # one element when there is a new task: a hint to whoever waits, and no more
NEWS_S = 60
SEEN = "fitting-room:webhook:"  # + shop:id of a webhook that was taken
SEEN_S = 2 * 86400  # Shopify repeats for four hours
FIRST_S = 3600
AGAIN_S = 120  # until what a process took and never settled is due again
PAUSES_S = (5, 30, 120, 600, 3600)  # before each further attempt; the last for all that follow
LOOK_EVERY_S = 30.0  # should a hint be lost, or whoever got it

NOW = "local now = redis.call('TIME')[1] + redis.call('TIME')[2] / 1e6\n"
ADD = (
    NOW
    + """
if redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 then return 0 end
if ARGV[1] ~= '' and not redis.call('SET', ARGV[1], '', 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[1], now - ARGV[6], ARGV[3])
if redis.call('LLEN', KEYS[3]) == 0 then redis.call('LPUSH', KEYS[3], '') end
redis.call('EXPIRE', KEYS[3], ARGV[5])
return 1
"""
)
TAKE = (
    NOW
    + """
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not first[1] then return '' end
if tonumber(first[2]) > now then return tostring(first[2] - now) end
redis.call('ZADD', KEYS[1], now + ARGV[1], first[1])
return { first[1], redis.call('HGET', KEYS[2], first[1]) or '' }
"""
)
LATER = (
    NOW
    + """
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return redis.call('ZADD', KEYS[1], 'XX', now + ARGV[3], ARGV[1])
"""
)


@dataclass(frozen=True, slots=True)
class Task:
    """`what` is done for `shop`. `told`: what is needed for it, as JSON types."""

    what: str
    shop: str
    told: dict[str, Any]
    num_attempts: int = 0

    def written(self, *, num_attempts: int = 0) -> str:
        return json.dumps([self.what, self.shop, self.told, num_attempts])


class Tasks:
    """Over one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._add, self._take, self._later = (redis.register_script(text) for text in (ADD, TAKE, LATER))

    async def add(self, task: Task, once: str = "", name: str = "", *, goes_first: bool = False) -> bool:
        """Whether it was added: not when something of the same name `once` was before, for its shop.

        `name`: of the task; not when one of this name is yet to be done, either. `goes_first`: before those that came
        in the last hour.
        """
        seen = f"{SEEN}{task.shop}:{once}" if once else ""
        told: list[str | int] = [seen, SEEN_S, name or secrets.token_hex(16), task.written()]
        return bool(await self._add(keys=[DUE, WHAT, NEWS], args=[*told, NEWS_S, FIRST_S if goes_first else 0]))

    async def take(self) -> tuple[str, Task] | float:
        """One that is due, with its id; else the seconds for which nothing will be, as far as is known.

        Unless it is settled, it is due again after a while.
        """
        found: Any = await self._take(keys=[DUE, WHAT], args=[AGAIN_S])
        if not isinstance(found, list):
            return min(LOOK_EVERY_S, float(found or LOOK_EVERY_S))
        name, text = found
        return name.decode(), Task(*json.loads(text or b'["", "", {}, 0]'))

    async def wait(self, longest_s: float) -> None:
        """Until there is news, or for `longest_s` seconds; holds a connection meanwhile."""
        await self._redis.blpop([NEWS], timeout=max(0.01, longest_s))

    async def done(self, name: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zrem(DUE, name)
            pipeline.hdel(WHAT, name)
            await pipeline.execute()

    async def later(self, name: str, task: Task) -> None:
        """It failed, and is tried again; not when it was dropped meanwhile."""
        pause_s = PAUSES_S[min(task.num_attempts, len(PAUSES_S) - 1)]
        text = task.written(num_attempts=task.num_attempts + 1)
        await self._later(keys=[DUE, WHAT], args=[name, text, pause_s])

    async def drop(self, is_dropped: Callable[[str, Task], bool]) -> int:
        """How many were forgotten undone, of all that wait or are being done: those of which `is_dropped` holds."""
        found: list[str] = []
        async for name, text in self._redis.hscan_iter(WHAT, count=500):
            if is_dropped(name.decode(), Task(*json.loads(text))):
                found.append(name.decode())
        for name in found:
            await self.done(name)
        return len(found)
