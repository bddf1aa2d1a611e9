"""Jobs that wait: written by the API's own step, as many as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import redis.asyncio
from redis import Redis

from inference.jobs import Admission, GenerationRequest, SlidingLimit, new_generation_id
from inference.queue import GenerationQueue
from scripts.bench.live.stack import NO_LIMIT, SHOP

AT_ONCE = 64
RETENTION_S = 7 * 86400
WINDOW_S = 7 * 86400


@dataclass
class Backlog:
    """Adds jobs like `example`, each of another shopper, to the queue at `url`; `ids` are of all that it added."""

    url: str
    example: GenerationRequest
    ids: list[str] = field(default_factory=list)

    async def add(self, num_jobs: int, told: Callable[[int], object] = lambda num: None) -> list[str]:
        """`num_jobs` more, and their ids; `told` learns of some more of them."""
        requests = [replace(self.example, generation_id=new_generation_id()) for _ in range(num_jobs)]
        left = iter(requests)
        pool = redis.asyncio.BlockingConnectionPool.from_url(self.url, max_connections=AT_ONCE, timeout=None)
        async with redis.asyncio.Redis.from_pool(pool) as client:
            queue = GenerationQueue(client, max_length=NO_LIMIT, retention_s=RETENTION_S)

            async def submit() -> None:
                for request in left:
                    submission = await queue.submit(request, _admission(request.generation_id))
                    assert submission.refusal is None, submission
                    told(1)

            await asyncio.gather(*(submit() for _ in range(AT_ONCE)))
        added = [request.generation_id for request in requests]
        self.ids += added
        return added


def example_of(redis_client: Redis, generation_id: str) -> GenerationRequest:
    """What the API made of a POST."""
    text = redis_client.hget(f"rq:job:{generation_id}", "request")
    assert isinstance(text, bytes)
    return GenerationRequest.from_json(text.decode())


def _admission(shopper: str) -> Admission:
    return Admission(SHOP, (SlidingLimit(shopper, NO_LIMIT, WINDOW_S),), NO_LIMIT)
