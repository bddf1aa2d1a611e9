"""Redis, and whoever makes the pictures."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from api.settings import Settings
from inference.queue import count_ready_workers
from inference.redis_server import RedisServerError, check_version
from scripts.doctor.finding import Finding


def finding(settings: Settings) -> Finding:
    """Of the running service."""
    try:
        check_version(settings.redis_url)
        with Redis.from_url(settings.redis_url, socket_timeout=5) as redis:
            num_workers = count_ready_workers(redis)
    except RedisServerError as error:
        return Finding("Redis", "unusable", str(error))
    except RedisError:
        return Finding("Redis", "no answer", "Start the service: scripts/serve")
    return Finding("workers", f"{num_workers} ready", "" if num_workers else "Start one: fitting-room worker")
