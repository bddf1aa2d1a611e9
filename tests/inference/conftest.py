"""Requests, admissions and queues for the tests of `inference`."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import redis
import redis.asyncio

from inference.jobs import Admission, GenerationRequest, SlidingLimit, new_generation_id
from inference.queue import GenerationQueue

WEEK_S = 7 * 24 * 3600
SHOP = "shop.example"

MakeRequest = Callable[..., GenerationRequest]


@pytest.fixture
def client(empty_redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(empty_redis_url) as client:
        yield client


@pytest.fixture
async def async_client(empty_redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.Redis.from_url(empty_redis_url) as client:
        yield client


@pytest.fixture
def queue(async_client: redis.asyncio.Redis) -> GenerationQueue:
    return GenerationQueue(async_client, max_length=1000, retention_s=WEEK_S)


@pytest.fixture
def make_request() -> MakeRequest:
    seeds = itertools.count()

    def make(shop: str = SHOP, card: str = "paperdoll", steps: int | None = None) -> GenerationRequest:
        seed = next(seeds)
        return GenerationRequest(
            generation_id=new_generation_id(),
            shop=shop,
            shopper="shopper",
            person_key=f"photos/{shop}/person.png",
            garment_key=f"products/{shop}/garment.png",
            category="upper",
            card=card,
            seed=seed,
            num_inference_steps=steps,
        )

    return make


def admission(shop: str = SHOP, *, shopper: str = "shopper", limit: int = 10, quota: int = 1000) -> Admission:
    return Admission(shop, (SlidingLimit(shopper, limit, WEEK_S),), quota)


@pytest.fixture
def admit() -> Callable[..., Admission]:
    return admission
