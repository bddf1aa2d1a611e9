"""How often somebody may do something in a while: counted in Redis, for all API processes together."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from api.errors import TooMany
    from inference.jobs import SlidingLimit

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


async def count(redis: Redis, what: str, shop: str, limits: tuple[SlidingLimit, ...], refusal: type[TooMany]) -> None:
    """Count one more of `what` against each of `limits`, all of which have the same window.

    Raises:
        TooMany: one of them is reached, as `refusal` says it; nothing is counted.
    """
    if not limits:
        return
    keys = [f"fitting-room:{what}:{shop}:{limit.identity}" for limit in limits]
    args: list[int | str] = [limits[0].window_s, secrets.token_hex(8), *(limit.maximum for limit in limits)]
    if wait_s := await redis.register_script(TAKE)(keys, args):
        raise refusal(int(wait_s))
