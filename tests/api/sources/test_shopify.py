"""Products asked of Shopify's APIs, by a stand-in that serves real HTTP, counts points and throttles."""

from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from redis.asyncio import BlockingConnectionPool, Redis
from shopify_store import Shop, Store, gid, picture

from api import remote_pictures
from api.errors import ProductNotFound
from api.fetching import Fetcher, FetchError
from api.remote_pictures import RemotePictures
from api.shops import ShopSettings
from api.sources import apis, graphql, shopify, tokens
from api.sources.kept import Kept
from api.sources.remembered import Remembered
from api.sources.shopify import ShopifyProducts
from inference.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Opened = Callable[..., AbstractAsyncContextManager[ShopifyProducts]]

DOMAIN = "a.myshopify.com"
SHIRT, DRESS = gid("Product", 1), gid("Product", 2)
RED, BLUE, OF_DRESS = (gid("ProductVariant", number) for number in (11, 12, 21))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with Store() as store:
        monkeypatch.setattr(apis, "ADDRESS", store.address)
        monkeypatch.setenv("ADMIN_TOKEN", "shpat_token")
        monkeypatch.setenv("STOREFRONT_TOKEN", "st")
        for name in ("shirt", "red", "dress", "film"):
            store.pictures[f"{name}.png"] = picture({"film": "grey", "dress": "navy"}.get(name, "teal"))
        store.pictures["red.png"] = picture("red")
        yield store


@pytest.fixture
def shop(store: Store) -> Shop:
    return store.shop(DOMAIN)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


@pytest.fixture
def opened(store: Store, blobs: BlobStore, empty_redis_url: str) -> Opened:
    """opened(dialect) -> products as one process has them, all over the same Redis and store of pictures."""

    @asynccontextmanager
    async def opened(dialect: str = "admin", **changes: Any) -> AsyncIterator[ShopifyProducts]:
        fetcher = Fetcher(frozenset({"127.0.0.1"}), schemes=("http",), ports=(store.port,), is_allowed=lambda _: True)
        token = {} if "shopify_client_id" in changes else {"shopify_token_env": f"{dialect.upper()}_TOKEN"}
        settings = ShopSettings(**{"domain": DOMAIN} | token | changes)
        pool = BlockingConnectionPool.from_url(empty_redis_url, max_connections=8)
        async with Redis.from_pool(pool) as redis, Redis.from_url(empty_redis_url) as streaming:
            pictures = RemotePictures(fetcher, blobs, Remembered(redis))
            opening = ShopifyProducts.open([settings], dialect, redis, streaming, pictures, {"Mug": "upper"})
            async with opening as products:
                yield products

    return opened


async def colour(products: ShopifyProducts, blobs: BlobStore, product: str, variant: str | None = None) -> str:
    """Of the garment's picture, by the bytes that the stand-in serves."""
    garment = await products.find(product, variant, DOMAIN)
    assert garment, "not found"
    known = {
        (0, 128, 128): "teal",
        (255, 0, 0): "red",
        (0, 0, 128): "navy",
        (128, 128, 128): "grey",
    }
    with Image.open(io.BytesIO(blobs.get(garment.garment_key))) as image:
        return known[image.convert("RGB").getpixel((5, 5))]  # type: ignore[index]


async def test_the_variants_picture_goes_first_then_the_featured_then_the_first_image(
    opened: Opened, shop: Shop, blobs: BlobStore
) -> None:
    shirt = shop.add(1, shop.medium("shirt.png"), shop.medium("dress.png"))
    shop.add_variant(11, shirt, shop.medium("red.png"))
    shop.add_variant(12, shirt)
    shop.add(2, shop.medium("film.png", "VIDEO"), shop.medium("dress.png"))
    shop.add(3, shop.medium("film.png", "MODEL_3D", is_ready=False), shop.medium("dress.png"))
    async with opened() as products:
        assert await colour(products, blobs, SHIRT) == "teal"
        assert await colour(products, blobs, SHIRT, RED) == "red"
        assert await colour(products, blobs, SHIRT, BLUE) == "teal"
        assert await colour(products, blobs, DRESS) == "grey", "the still of a film that is featured"
        assert await colour(products, blobs, gid("Product", 3)) == "navy", "a model without a still has none to show"


async def test_the_storefront_api_tells_the_same(opened: Opened, shop: Shop, blobs: BlobStore) -> None:
    shirt = shop.add(1, shop.medium("shirt.png"))
    shop.add_variant(11, shirt, shop.medium("red.png"))
    shop.add(2, shop.medium("film.png", "VIDEO"), shop.medium("dress.png"))
    shop.add(3, shop.medium("dress.png"), status="DRAFT")
    async with opened("storefront") as products:
        assert await colour(products, blobs, SHIRT) == "teal"
        assert await colour(products, blobs, SHIRT, RED) == "red"
        assert await colour(products, blobs, DRESS) == "grey"
        assert await products.find(gid("Product", 3), None, DOMAIN) is None, "it shows only what is published"


async def test_a_variant_of_another_product_and_what_there_is_not_are_not_found(opened: Opened, shop: Shop) -> None:
    shop.add(1, shop.medium("shirt.png"))
    shop.add_variant(21, shop.add(2, shop.medium("dress.png")), shop.medium("dress.png"))
    async with opened() as products:
        assert await products.find(SHIRT, OF_DRESS, DOMAIN) is None
        assert await products.find(DRESS, OF_DRESS, DOMAIN) is not None
        assert await products.find(SHIRT, gid("ProductVariant", 99), DOMAIN) is None
        assert await products.find(gid("Product", 99), None, DOMAIN) is None


@pytest.mark.parametrize(
    ("status", "media", "sentence"),
    [("DRAFT", 1, "is a draft"), ("ARCHIVED", 1, "is archived"), ("ACTIVE", 0, "has no picture yet")],
)
async def test_a_product_that_cannot_be_tried_on_says_why(
    opened: Opened, shop: Shop, status: str, media: int, sentence: str
) -> None:
    shop.add(1, *[shop.medium("shirt.png")] * media, status=status)
    async with opened() as products:
        for _ in range(2):
            with pytest.raises(ProductNotFound, match=sentence):
                await products.find(SHIRT, None, DOMAIN)
    assert shop.num_calls == 1


async def test_how_it_is_worn_is_told_by_type_taxonomy_tags_and_the_merchants_mapping(
    opened: Opened, shop: Shop
) -> None:
    shown = shop.medium("shirt.png")
    taxonomy = "Apparel & Accessories > Clothing > Dresses"
    shop.add(1, shown, productType="Jeans", category=taxonomy)
    shop.add(2, shown, productType="Summer 26", category=taxonomy, tags=["goes with jeans"])
    shop.add(3, shown, productType="", tags=["linen trousers"])
    shop.add(4, shown, productType="mug")
    shop.add(5, shown, productType="Sticker")
    async with opened(pictures_are_worn=True) as products:
        found = [await products.find(gid("Product", number), None, DOMAIN) for number in range(1, 6)]
    assert [one and one.category for one in found] == ["lower", "overall", "lower", "upper", None]
    assert all(one and one.is_worn for one in found)


@pytest.mark.parametrize("number", [100, pytest.param(1000, marks=pytest.mark.slow)])
async def test_many_products_come_without_a_failure_and_with_few_calls_while_the_shop_throttles(
    number: int, opened: Opened, store: Store, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bucket.rate, shop.bucket.left = 6000, 1000
    shop.emptied_every, shop.throttles_by_429 = 3, True
    for one in range(number):
        store.pictures[f"{one}.png"] = store.pictures["shirt.png"]
        shop.add(one, shop.medium(f"{one}.png"))
    ids = [gid("Product", one) for one in range(number)]
    monkeypatch.setattr(shopify, "PATIENCE_S", 100.0)  # all come at once, and wait for the last
    async with opened() as products:
        found = await asyncio.gather(*(products.find(one, None, DOMAIN) for one in ids))
        assert all(found)
        assert shop.num_throttled >= 2, "both forms were seen"
        assert shop.num_answered <= number / 20 + 1, "twenty in a call, but for the first"
        calls = shop.num_calls
        assert calls < number
        again = await asyncio.gather(*(products.find(one, None, DOMAIN) for one in ids))
        assert again == found
    async with opened() as restarted:
        assert [await restarted.find(one, None, DOMAIN) for one in ids] == found
    assert shop.num_calls == calls, "what is kept is not asked for, by any process"
    assert len(store.asked) == number, "nor is its picture"


async def test_a_change_that_one_process_is_told_of_is_seen_by_all(
    opened: Opened, store: Store, shop: Shop, blobs: BlobStore, empty_redis_url: str
) -> None:
    shop.add(1, shop.medium("shirt.png"))
    shop.add(2, shop.medium("dress.png"))
    async with opened() as one, opened() as other, Redis.from_url(empty_redis_url) as redis:
        for products in (one, other):
            assert await colour(products, blobs, SHIRT) == "teal"
            assert await colour(products, blobs, DRESS) == "navy"
        assert shop.num_calls == 2
        shop.add(1, shop.medium("red.png"))
        await Kept(redis).change(DOMAIN, SHIRT)
        for products in (one, other):
            async with asyncio.timeout(20):
                while await colour(products, blobs, SHIRT) != "red":
                    await asyncio.sleep(0.02)
            assert await colour(products, blobs, DRESS) == "navy"
        assert shop.num_calls == 3, "asked once for both, and only for what changed"


async def test_what_was_asked_for_before_a_change_is_not_kept_after_it(
    opened: Opened, shop: Shop, empty_redis_url: str
) -> None:
    shop.add(1, shop.medium("shirt.png"))
    async with Redis.from_url(empty_redis_url) as redis:
        kept = Kept(redis)
        version, said = await kept.read(DOMAIN, SHIRT, [SHIRT])
        assert said == [None]
        await kept.change(DOMAIN, SHIRT)
        async with opened() as products:
            await products.find(SHIRT, None, DOMAIN)
        _, said = await kept.read(DOMAIN, SHIRT, [SHIRT])
        assert said[0]
        await kept.keep(DOMAIN, SHIRT, version, {SHIRT: said[0].__class__(None, 0.0)})
        assert (await kept.read(DOMAIN, SHIRT, [SHIRT]))[1] == said


async def test_a_picture_that_is_asked_for_anew_is_sent_only_when_it_changed(
    opened: Opened, store: Store, shop: Shop, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_pictures, "FRESH_S", 0)
    monkeypatch.setattr(shopify, "FRESH_S", 0)
    shop.add(1, shop.medium("shirt.png"))
    async with opened() as products:
        assert await colour(products, blobs, SHIRT) == "teal"
    async with opened() as restarted:
        assert await colour(restarted, blobs, SHIRT) == "teal"
        store.pictures["shirt.png"] = picture("red")
        assert await colour(restarted, blobs, SHIRT) == "red"
    assert store.asked == ["200 shirt.png", "304 shirt.png", "200 shirt.png"]


async def test_troubles_of_a_moment_are_waited_for(opened: Opened, shop: Shop) -> None:
    shop.add(1, shop.medium("shirt.png"))
    shop.failures = [502, 429, 500]
    async with opened() as products:
        assert await products.find(SHIRT, None, DOMAIN)
    assert shop.num_calls == 4


async def test_a_shop_that_stays_away_is_not_asked_for_every_shopper_and_what_was_known_is_used(
    opened: Opened, shop: Shop, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql, "PATIENCE_S", 0.0)
    shop.add(1, shop.medium("shirt.png"))
    shop.add(2, shop.medium("dress.png"))
    async with opened() as products:
        assert await colour(products, blobs, SHIRT) == "teal"
        products.changed(DOMAIN, SHIRT)
        await products._kept.change(DOMAIN, SHIRT)
        shop.failures = [503] * 99
        assert await colour(products, blobs, SHIRT) == "teal"
        for _ in range(3):
            with pytest.raises(FetchError, match=f"{DOMAIN} answered 503"):
                await products.find(DRESS, None, DOMAIN)
    assert shop.num_calls == 3


async def test_a_refused_token_says_what_to_check(opened: Opened, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(1, shop.medium("shirt.png"))
    monkeypatch.setenv("ADMIN_TOKEN", "shpat_wrong")
    async with opened() as products:
        with pytest.raises(FetchError, match=r"refuses the access token of .* Check its shopify_token_env"):
            await products.find(SHIRT, None, DOMAIN)


APP = {"shopify_client_id": "client-id", "app_secret_envs": ("NEW_SECRET", "SECRET")}


@pytest.fixture
def _app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW_SECRET", "not yet")
    monkeypatch.setenv("SECRET", "hush")


@pytest.mark.usefixtures("_app")
async def test_an_app_gets_itself_a_token_once_with_whichever_secret_is_the_app_s(opened: Opened, shop: Shop) -> None:
    for number in range(30):
        shop.add(number, shop.medium("shirt.png"))
    async with opened(**APP) as products:
        found = await asyncio.gather(*(products.find(gid("Product", one), None, DOMAIN) for one in range(30)))
    assert all(found)
    assert (shop.num_granted, shop.num_calls > 1) == (1, True)


@pytest.mark.usefixtures("_app")
async def test_a_token_that_is_taken_back_is_asked_for_anew_and_a_young_one_is_not(
    opened: Opened, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(1, shop.medium("shirt.png"))
    shop.add(2, shop.medium("dress.png"))
    async with opened(**APP) as products:
        assert await products.find(SHIRT, None, DOMAIN)
        shop.granted.clear()
        with pytest.raises(FetchError, match="refuses the access token"):
            await products.find(DRESS, None, DOMAIN)
        assert shop.num_granted == 1
        monkeypatch.setattr(tokens, "YOUNG_S", 0.0)
        products.changed(DOMAIN, DRESS)
        assert await products.find(DRESS, None, DOMAIN)
    assert shop.num_granted == 2


@pytest.mark.usefixtures("_app")
async def test_an_app_that_is_granted_no_token_says_what_to_check(opened: Opened, shop: Shop) -> None:
    shop.add(1, shop.medium("shirt.png"))
    shop.app = ("client-id", "another")
    async with opened(**APP) as products:
        with pytest.raises(FetchError, match=r"grants no .* \(invalid_client\)\. Check its shopify_client_id"):
            await products.find(SHIRT, None, DOMAIN)
