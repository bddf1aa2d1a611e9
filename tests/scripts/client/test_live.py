"""The client against a running service, in the modes that tell shoppers apart; its workers' model is a sleep."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from api import signature
from inference.jobs import Status
from scripts.bench.live import tiny
from scripts.bench.live.stack import Stack
from scripts.client.client import Client, opened
from scripts.client.errors import Blocked, NotFound, Refused, Unauthorised
from scripts.client.models import Approximations, Consent, Generation, TryOn
from scripts.client.patience import ONCE
from scripts.client.shopper import AppProxy, signed

SHOP, USED_UP, SECRET = "demo-shop.myshopify.com", "used-up.myshopify.com", "hush"
PRODUCT = "gid://shopify/Product/1001"


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[Client]:
    async with opened(stack.url, shopper=AppProxy(SHOP, SECRET, customer_id="77")) as client:
        yield client


async def test_a_shopper_s_whole_way(client: Client) -> None:
    assert await client.check_credits()
    photo = await client.upload(tiny.picture(), Consent(consent_version="1", consent_given_at=datetime.now(UTC)))
    assert picture_size(await client.download(photo.file_url)) == tiny.SIZE
    wanted = TryOn(
        user_image_id=photo.file_id,
        product_id=PRODUCT,
        category="upper",
        seed=7,
        approximations=Approximations(num_inference_steps=4),
    )
    generation_id = await client.create(wanted, key="mine")
    assert await client.create(wanted, key="mine") == generation_id
    seen: list[Generation] = []
    ended = await client.wait(generation_id, seen.append)
    assert (ended.status, ended.progress) == (Status.COMPLETED, 1)
    assert [state.progress for state in seen] == sorted(state.progress for state in seen)
    assert (await client.status(generation_id)).result_image_key == ended.result_image_key
    assert picture_size(await client.download(ended.result_image_url or "")) == tiny.SIZE
    share = await client.share(generation_id, SHOP)
    assert share.expires_at > ended.updated_at + timedelta(days=1)
    assert b"A picture made by a computer" in await client.download(share.share_url)
    await client.delete_photo(photo.file_id)
    with pytest.raises(NotFound, match="User image not found"):
        await client.create(wanted)


async def test_a_generation_that_is_cancelled_ends_as_failed(client: Client) -> None:
    photo = await client.upload_image(tiny.picture())
    assert (photo.image_width, photo.image_height) == tiny.SIZE
    wanted = TryOn(user_image_id=photo.file_id, product_id=PRODUCT, strict=True)
    generation_id = await client.create(wanted)
    await client.cancel(generation_id)
    ended = await client.wait(generation_id)
    assert (ended.status, ended.error_code) == (Status.FAILED, "CANCELLED")
    with pytest.raises(Refused) as refused:
        await client.share(generation_id)
    assert (refused.value.status, refused.value.code) == (409, "NOT_COMPLETED")


async def test_refusals_have_the_contract_s_code_and_the_service_s_sentence(stack: Stack, client: Client) -> None:
    photo = await client.upload(tiny.picture())
    with pytest.raises(NotFound, match="Product not found"):
        await client.create(TryOn(user_image_id=photo.file_id, product_id="gid://shopify/Product/999"))
    with pytest.raises(Refused, match="This file is a GIF"):
        await client.upload(b"GIF89a")
    used_up = client.of(AppProxy(USED_UP, SECRET))
    theirs = TryOn(user_image_id=(await used_up.upload(tiny.picture())).file_id, product_id=PRODUCT)
    async with opened(stack.url, shopper=AppProxy(USED_UP, SECRET), patience=ONCE) as impatient:
        with pytest.raises(Blocked, match="used up") as blocked:
            await impatient.create(theirs)
    assert (blocked.value.status, blocked.value.code) == (429, "RATE_LIMIT_EXCEEDED")
    with pytest.raises(Unauthorised, match="not signed by a shop we know"):
        await client.of(AppProxy(SHOP, "another secret")).check_credits()


async def test_another_shop_s_generation_is_unknown_by_every_way(client: Client) -> None:
    photo = await client.upload(tiny.picture())
    generation_id = await client.create(TryOn(user_image_id=photo.file_id, product_id=PRODUCT))
    stranger = client.of(AppProxy(USED_UP, SECRET))
    for asked in (stranger.status, stranger.cancel, stranger.wait, stranger.share):
        with pytest.raises(NotFound, match="Generation not found"):
            await asked(generation_id)
    with pytest.raises(NotFound, match="User image not found"):
        await stranger.delete_photo(photo.file_id)


def test_a_query_is_signed_as_shopify_signs_it() -> None:
    """By the vectors of Shopify's own page, and so that the service takes it whatever is in it."""
    query = {"shop": "shop-name.myshopify.com", "path_prefix": "/apps/awesome_reviews", "timestamp": "1317327555"}
    assert signed({"extra": "1,2", "logged_in_customer_id": "1", **query}.items(), SECRET).endswith(
        "signature=4c68c8624d737112c91818c11017d24d334b524cb5c2b8ba08daa056f7395ddb"
    )
    odd = {"a1": "2", "a": "1 &=+é", "logged_in_customer_id": "", **query}
    found = signature.verify(signed(odd.items(), SECRET).encode(), lambda _: [SECRET.encode()], 1317327555)
    assert (found.shop, found.customer_id) == ("shop-name.myshopify.com", "")


def picture_size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size
