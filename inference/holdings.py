"""What a shopper has here: the keys of their photographs and uploads, and the ids of their generations, by identity.

A sorted set for each shopper, noted as things come, so that all of it is found when it is to be erased.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.scripts import source

if TYPE_CHECKING:
    from redis.asyncio import Redis

KEPT = "fitting-room:kept:"  # + shop:identity -> what there is, and since when


def kept_key(shop: str, identity: str) -> str:
    return f"{KEPT}{shop}:{identity}"


def owned_key(kind: str, shop: str, identity: str, name: str) -> str:
    """The storage key of something of a shopper's; of nobody's when there is no identity.

    The store alone tells whose it is, so that it can be erased where Redis has lost its memory.
    """
    return "/".join(filter(None, (kind, shop, identity, name)))


def owner_of(key: str) -> str:
    """The identity in a storage key, or nothing."""
    parts = key.split("/")
    return parts[2] if len(parts) == 4 else ""


class Holdings:
    """The notes of one Redis. A shopper's expire `term_s`, the longest that anything is kept, after their last."""

    def __init__(self, redis: Redis, term_s: int) -> None:
        self._redis = redis
        self._term_s = term_s
        self._note = redis.register_script(source("note"))

    async def note(self, shop: str, identity: str, what: str) -> None:
        """Before it is stored, so that nothing is that was not noted; nothing of nobody's."""
        if identity:
            await self._note(args=["", shop, identity, what, self._term_s])

    async def has(self, shop: str, identity: str, what: str) -> bool:
        """Whether it is still noted; not when it was erased meanwhile."""
        return not identity or await self._redis.zscore(kept_key(shop, identity), what) is not None

    async def drop(self, shop: str, identity: str, what: str) -> None:
        """It is no longer there."""
        if identity:
            await self._redis.zrem(kept_key(shop, identity), what)
