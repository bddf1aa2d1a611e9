"""The bar of admission, over real HTTP: two API processes on one Redis, and not one generation too many."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest
from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.api.conftest import Api

SHOPS = """
mode = "api_key"
public_url = "https://try.example"
max_queue_length = 100000
[[shops]]
domain = "limit.example"
api_key_envs = ["LIMIT_KEY"]
monthly_quota = 100000
[[shops]]
domain = "quota.example"
api_key_envs = ["QUOTA_KEY"]
monthly_quota = 300
"""
PER_CLIENT = 25  # httpx's time grows with the square of this


@pytest.fixture(scope="module")
def two_apis(
    start_api: Callable[..., Api], redis_url: str, products: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Api]:
    with Redis.from_url(redis_url) as client:
        client.flushall()
    data = tmp_path_factory.mktemp("shared")
    env = {"LIMIT_KEY": "limit", "QUOTA_KEY": "quota", "FITTING_ROOM_PRODUCTS": str(products)}
    apis = [start_api(SHOPS, env=env, data=data) for _ in range(2)]
    for shop in ("limit.example", "quota.example"):
        apis[0].blobs.put(f"photos/{shop}/me.jpg", b"a photograph")
    return apis


async def post_all(apis: list[Api], shop: str, shoppers: Sequence[str], **headers: str) -> list[httpx.Response]:
    """POST once for each of `shoppers`, each on a connection of its own, by turns to each process."""
    batches = [shoppers[start : start + PER_CLIENT] for start in range(0, len(shoppers), PER_CLIENT)]
    posted = await asyncio.gather(
        *(post_batch(apis[number % len(apis)], shop, batch, headers) for number, batch in enumerate(batches))
    )
    return [reply for batch in posted for reply in batch]


def counted(replies: list[httpx.Response]) -> Counter[tuple[int, str]]:
    return Counter((reply.status_code, reply.json().get("code", "")) for reply in replies)


def jobs(replies: list[httpx.Response]) -> set[str]:
    return {reply.json()["jobId"] for reply in replies} - {""}


async def post_batch(api: Api, shop: str, shoppers: Sequence[str], headers: dict[str, str]) -> list[httpx.Response]:
    body = {"userImageId": f"photos/{shop}.example/me.jpg", "productId": "gid://shopify/Product/1001"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=api.url, headers={"x-api-key": shop}, timeout=60, limits=limits) as client:
        return await asyncio.gather(
            *(
                client.post("/public/fitting-room", json=body, headers=headers | {"x-shopper-id": who})
                for who in shoppers
            )
        )


async def test_of_1000_concurrent_posts_of_one_shopper_exactly_10_are_accepted(two_apis: list[Api]) -> None:
    replies = await post_all(two_apis, "limit", ["shopper-1"] * 1000)
    assert counted(replies) == {(200, ""): 10, (429, "RATE_LIMIT_EXCEEDED"): 990}
    assert len(jobs(replies)) == 10


async def test_of_500_shoppers_exactly_the_quota_of_300_is_accepted(two_apis: list[Api]) -> None:
    replies = await post_all(two_apis, "quota", [f"shopper-{number}" for number in range(500)])
    assert counted(replies) == {(200, ""): 300, (200, "QUOTA_EXCEEDED"): 200}
    assert len(jobs(replies)) == 300


async def test_100_concurrent_posts_with_one_idempotency_key_are_one_job(two_apis: list[Api]) -> None:
    replies = await post_all(two_apis, "limit", ["shopper-2"] * 100, **{"idempotency-key": "once"})
    assert counted(replies) == {(200, ""): 100}
    assert len(jobs(replies)) == 1
