"""All that a Redis and a store hold, as bytes that can be compared and searched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from redis import Redis

from inference.blobs import BlobStore

READ = {
    "string": lambda redis, key: redis.get(key),
    "hash": lambda redis, key: sorted(redis.hgetall(key).items()),
    "list": lambda redis, key: redis.lrange(key, 0, -1),
    "set": lambda redis, key: sorted(redis.smembers(key)),
    "zset": lambda redis, key: redis.zrange(key, 0, -1, withscores=True),
    "stream": lambda redis, key: redis.xrange(key),
}


def in_redis(redis: Redis) -> dict[str, bytes]:
    """Every key -> its whole value."""
    found: dict[str, Any] = {}
    for key in redis.scan_iter("*"):
        kind = redis.type(key).decode()
        if kind != "none":
            found[key.decode()] = READ[kind](redis, key)
    return {key: repr(value).encode() for key, value in found.items()}


def in_store(blobs: BlobStore) -> dict[str, bytes]:
    """Every key -> its bytes."""
    kinds = ("photos", "results", "tmp", "garments")
    return {one.key: blobs.get(one.key) for kind in kinds for one in blobs.stored(kind)}


def mentioning(remains: Mapping[str, bytes], names: Collection[str]) -> dict[str, bytes]:
    """What has one of these names in its key or its value."""
    return {
        key: value for key, value in remains.items() if any(name in key or name.encode() in value for name in names)
    }
