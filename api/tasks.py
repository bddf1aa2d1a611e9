"""What is to be done after a request was answered: kept in Redis until it is done, by whichever API process lives."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis

DUE = "fitting-room:tasks"  # id -> when it is due
WHAT = "fitting-room:tasks:what"  # id -> the task as JSON
SEEN = "fitting-room:webhook:"  # + shop:id of a webhook that was taken
SEEN_S = 2 * 86400  # Shopify repeats for four hours
AGAIN_S = 120  # until what a process took and never settled is due again
PAUSES_S = (5, 30, 120, 600, 3600)  # before each further attempt; the last for all that follow

NOW = "local now = redis.call('TIME')[1] + redis.call('TIME')[2] / 1e6\n"
ADD = (
    NOW
    + """
if ARGV[1] ~= '' and not redis.call('SET', ARGV[1], '', 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('ZADD', KEYS[1], now, ARGV[3])
return 1
"""
)
TAKE = (
    NOW
    + """
local id = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
if not id then return nil end
redis.call('ZADD', KEYS[1], now + ARGV[1], id)
return { id, redis.call('HGET', KEYS[2], id) or '' }
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

    async def add(self, task: Task, once: str = "") -> bool:
        """Whether it was added: not when something of the same name `once` was before, for its shop."""
        seen = f"{SEEN}{task.shop}:{once}" if once else ""
        args: list[str | int] = [seen, SEEN_S, secrets.token_hex(16), task.written()]
        return bool(await self._add(keys=[DUE, WHAT], args=args))

    async def take(self) -> tuple[str, Task] | None:
        """One that is due, with its id. Unless it is settled, it is due again after a while."""
        found: Any = await self._take(keys=[DUE, WHAT], args=[AGAIN_S])
        if found is None:
            return None
        name, text = found
        return name.decode(), Task(*json.loads(text or b'["", "", {}, 0]'))

    async def done(self, name: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zrem(DUE, name)
            pipeline.hdel(WHAT, name)
            await pipeline.execute()

    async def later(self, name: str, task: Task) -> None:
        """It failed, and is tried again."""
        pause_s = PAUSES_S[min(task.num_attempts, len(PAUSES_S) - 1)]
        text = task.written(num_attempts=task.num_attempts + 1)
        await self._later(keys=[DUE, WHAT], args=[name, text, pause_s])
