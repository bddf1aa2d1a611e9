"""What shops said of their products, kept in Redis for every process and start, until a shop says that it changed.

A hash for each product: what was said of it and of its variants, and a version that rises with each change, so that an
answer which was asked for before a change is not kept after it. The changes are a stream that every process follows.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.sources.listed import Listed

if TYPE_CHECKING:
    from redis.asyncio import Redis

PRODUCT = "fitting-room:product:"  # + shop:number
CHANGES = "fitting-room:product-changes"
MOST_CHANGES = 10_000
TERM_S = 30 * 86400
VERSION = "version"

KEEP = """
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
CHANGE = """
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', version)
redis.call('EXPIRE', KEYS[1], ARGV[1])
return redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', 'shop', ARGV[3], 'product', ARGV[4])
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of something at a moment (seconds since the epoch); None when there is no such thing."""

    listed: Listed | None
    at: float

    def written(self) -> str:
        return json.dumps({"at": self.at, "listed": self.listed.as_dict() if self.listed else None})

    @classmethod
    def of(cls, text: bytes) -> Said:
        found: dict[str, Any] = json.loads(text)
        return cls(Listed.from_dict(found["listed"]) if found["listed"] else None, found["at"])


class Kept:
    """Over one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._keep = redis.register_script(KEEP)
        self._change = redis.register_script(CHANGE)

    async def read(self, shop: str, product_id: str, ids: list[str]) -> tuple[str, list[Said | None]]:
        """The product's version, and what is kept of each of `ids`: its own and its variants'."""
        row: Any = await self._redis.hmget(_key(shop, product_id), [VERSION, *ids])
        version, *found = row
        return (version or b"0").decode(), [Said.of(one) if one else None for one in found]

    async def keep(self, shop: str, product_id: str, version: str, said: dict[str, Said]) -> None:
        """Unless the product changed since `version` was read."""
        fields = [part for name, one in said.items() for part in (name, one.written())]
        if fields:
            await self._keep(keys=[_key(shop, product_id)], args=[version, TERM_S, *fields])

    async def change(self, shop: str, product_id: str) -> None:
        """Forget what is kept of a product, here and in every process."""
        await self._change(keys=[_key(shop, product_id), CHANGES], args=[TERM_S, MOST_CHANGES, shop, product_id])

    async def forget_shop(self, shop: str) -> None:
        """All its products."""
        async for key in self._redis.scan_iter(f"{PRODUCT}{shop}:*", 500):
            await self.change(shop, f"gid://shopify/Product/{key.decode().rpartition(':')[2]}")


def now() -> float:
    return time.time()


def _key(shop: str, product_id: str) -> str:
    return f"{PRODUCT}{shop}:{product_id.rpartition('/')[2]}"
