"""How many photographs a shopper may send in five minutes: counted in Redis, for all API processes together."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from api.errors import TooManyUploads

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from inference.jobs import SlidingLimit

WINDOW_S = 300

# KEYS: sorted sets of moments. ARGV: window in seconds, a member of its own, then the maximum of each key.
# Counts under every key or, when one is full, under none. Returns the seconds until it is worth asking again, or 0.
TAKE = """
local time, wait = redis.call('TIME'), 0
local now, window = tonumber(time[1]) + tonumber(time[2]) / 1e6, tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.6f', now - window))
  local over = redis.call('ZCARD', key) - tonumber(ARGV[i + 2])
  if over >= 0 then
    wait = math.max(wait, redis.call('ZRANGE', key, over, over, 'WITHSCORES')[2] + window - now)
  end
end
if wait > 0 then return math.max(1, math.ceil(wait)) end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.6f', now), ARGV[2])
  redis.call('EXPIRE', key, window)
end
return 0
"""


async def count_upload(redis: Redis, shop: str, limits: tuple[SlidingLimit, ...]) -> None:
    """Count one upload against each of `limits`, all of which have the window `WINDOW_S`.

    Raises:
        TooManyUploads: one of them is reached; nothing is counted.
    """
    keys = [f"fitting-room:uploads:{shop}:{limit.identity}" for limit in limits]
    maxima = [limit.maximum for limit in limits]
    if keys and (wait_s := await redis.register_script(TAKE)(keys, [WINDOW_S, secrets.token_hex(8), *maxima])):
        raise TooManyUploads(int(wait_s))
