"""Which verified picture lay at a URL, and by what its server tells whether it still does: in Redis, for all."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.fetching import Validators

if TYPE_CHECKING:
    from redis.asyncio import Redis

PICTURE = "fitting-room:picture:"  # + digest of the URL
TERM_S = 30 * 86400


@dataclass(frozen=True, slots=True)
class Memory:
    """`key`: in the store; `age_s`: seconds since its server was asked."""

    key: str
    age_s: float
    validators: Validators


class Remembered:
    """Over one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def recall(self, url: str) -> Memory | None:
        found: Any = await self._redis.hmget(_name(url), ["key", "at", "etag", "modified"])
        key, at, etag, modified = found
        if key is None:
            return None
        validators = Validators((etag or b"").decode(), (modified or b"").decode())
        return Memory(key.decode(), max(0.0, time.time() - float(at or 0)), validators)

    async def keep(self, url: str, key: str, validators: Validators) -> None:
        fields: dict[str, str | float] = {
            "key": key,
            "at": time.time(),
            "etag": validators.etag,
            "modified": validators.modified,
        }
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(_name(url), mapping=fields)  # type: ignore[arg-type]  # its stub is invariant
            pipeline.expire(_name(url), TERM_S)
            await pipeline.execute()


def _name(url: str) -> str:
    return PICTURE + hashlib.sha256(url.encode()).hexdigest()
