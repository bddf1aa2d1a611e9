"""Erasing from within a request: on threads of their own, for it talks to Redis and the store at length."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from redis import Redis

from inference.erasing import Eraser

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.services import Services

T = TypeVar("T")

PATIENCE_S, TIMEOUT_S = 2.0, 5.0  # with a Redis that is away: whoever asks can ask again

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="erasures")


async def erased_with(shared: Services, work: Callable[[Eraser], T]) -> T:
    """What `work` returns of an eraser of this service's."""

    def run() -> T:
        with Redis.from_url(shared.settings.redis_url, socket_timeout=TIMEOUT_S) as redis:
            return work(Eraser(redis, shared.blobs, PATIENCE_S))

    return await asyncio.get_running_loop().run_in_executor(_threads, run)
