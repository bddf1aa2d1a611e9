"""A shopper's whole way with a shop's products: by the app proxy's signature, and the stand-in of Shopify."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image
from redis import Redis
from remains import in_redis, in_store, mentioning
from shopify_store import Bucket, Shop, Store, gid, picture
from storefront import signed

from inference.redis_server import RedisServer
from tests.api.conftest import WITH_STAND_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.conftest import Api

SHOP, SECRET = "a.myshopify.com", "hush"
SETTINGS = """
mode = "shopify"
public_url = "https://try.example"
weekly_limit = 100000
upload_limit = 100000
card = "nobody-makes-it"
product_source = "{source}"
[[shops]]
domain = "a.myshopify.com"
app_secret_envs = ["APP_SECRET"]
shopify_client_id = "client-id"
"""
WITHIN_S = 40
COLOURS = {"teal": (0, 128, 128), "red": (255, 0, 0), "navy": (0, 0, 128)}
WAITING = {"xread", "xrevrange", "blpop", "info", "client|setinfo", "client|setname", "hello", "select", "ping"}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store() as store:
        store.pictures |= {f"{name}.png": picture(name) for name in COLOURS}
        yield store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("r")) as server:
        yield server


@pytest.fixture(scope="module")
def env(server: RedisServer, store: Store, products: Path) -> dict[str, str]:
    env = {"APP_SECRET": SECRET, "STAND_IN": str(store.port), "REDIS_URL": server.url}
    return env | {"FITTING_ROOM_PRODUCTS": str(products)}


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], env: dict[str, str]) -> Api:
    return start_api(SETTINGS.format(source="admin"), env=env, command=WITH_STAND_IN)


@pytest.fixture
def shop(store: Store) -> Shop:
    found = store.shop(SHOP)
    found.failures, found.bucket, found.emptied_every = [], Bucket(), 0
    return found


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(server.url) as client:
        yield client


class Shopper:
    """Logged in, with a photograph."""

    def __init__(self, api: Api, customer: str = "1") -> None:
        self.api, self.customer = api, customer
        buffer = io.BytesIO()
        Image.effect_noise((160, 200), 40).convert("RGB").save(buffer, "PNG")
        self.photo = self.post("/public/upload-image", files={"file": buffer.getvalue()}).json()["fileId"]

    def post(self, path: str, **content: Any) -> httpx.Response:
        query = signed(SHOP, SECRET, customer=self.customer)
        return httpx.post(f"{self.api.url}{path}?{query}", timeout=60, **content)

    def tries(self, product: int, variant: int | None = None) -> httpx.Response:
        wanted = {"userImageId": self.photo, "productId": gid("Product", product)}
        if variant is not None:
            wanted["variantId"] = gid("ProductVariant", variant)
        return self.post("/public/fitting-room", json=wanted)


def job_of(reply: httpx.Response, api: Api, redis: Redis) -> tuple[str, str]:
    """The garment's colour and category, as the worker is told them."""
    assert reply.status_code == 200, reply.text
    assert reply.json()["message"] == "Generation job created successfully"
    request = json.loads(redis.hget(f"rq:job:{reply.json()['jobId']}", "request") or b"")
    with Image.open(io.BytesIO(api.blobs.get(request["garment_key"]))) as image:
        pixel = image.convert("RGB").getpixel((5, 5))
    return next(name for name, colour in COLOURS.items() if colour == pixel), request["category"]


def until(condition: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {WITHIN_S} s: {what}"
        time.sleep(0.05)


def tell(api: Api, topic: str, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": SHOP, "X-Shopify-Hmac-SHA256": signature}
    assert httpx.post(f"{api.url}/webhooks/shopify", content=raw, headers=headers).json() == {"message": "Received"}


def test_a_variant_s_own_picture_is_tried_on_while_the_shop_throttles(api: Api, shop: Shop, redis: Redis) -> None:
    shirt = shop.add(1, shop.medium("teal.png"), productType="Polo shirts")
    shop.add_variant(11, shirt, shop.medium("red.png"))
    ann, before = Shopper(api), shop.num_throttled
    shop.bucket, shop.throttles_by_429 = Bucket(left=0.0, rate=50.0), True
    assert job_of(ann.tries(1, 11), api, redis) == ("red", "upper")
    assert job_of(ann.tries(1), api, redis) == ("teal", "upper")
    assert shop.num_throttled > before


def test_what_was_tried_on_before_is_not_asked_for_again(api: Api, store: Store, shop: Shop, redis: Redis) -> None:
    shop.add(2, shop.medium("navy.png"), productType="Jeans")
    ann = Shopper(api)
    assert job_of(ann.tries(2), api, redis) == ("navy", "lower")
    calls, fetched = shop.num_calls, len(store.asked)
    assert job_of(Shopper(api, "2").tries(2), api, redis) == ("navy", "lower")
    assert (shop.num_calls, len(store.asked)) == (calls, fetched)


def test_a_product_that_changed_is_asked_for_anew(api: Api, shop: Shop, redis: Redis) -> None:
    shop.add(3, shop.medium("teal.png"))
    ann = Shopper(api)
    assert job_of(ann.tries(3), api, redis) == ("teal", "upper")
    shop.add(3, shop.medium("red.png"), productType="Dresses")
    tell(api, "products/update", {"id": 3, "title": "Another", "product_type": "Dresses"})
    until(lambda: job_of(ann.tries(3), api, redis) == ("red", "overall"), "the change is seen")
    shop.products.pop(gid("Product", 3))
    tell(api, "products/delete", {"id": 3})
    until(lambda: ann.tries(3).status_code == 404, "it is gone")


@pytest.mark.parametrize(
    ("product", "variant", "said"),
    [
        (21, None, "This product is a draft: it can be tried on when the shop has published it."),
        (22, None, "This product is archived: the shop no longer sells it."),
        (23, None, "This product has no picture yet, so it cannot be tried on."),
        (24, 251, "Product not found"),
        (24, 999, "Product not found"),
        (99, None, "Product not found"),
    ],
)
def test_what_cannot_be_tried_on_is_answered_as_the_contract_answers(
    api: Api, shop: Shop, product: int, variant: int | None, said: str
) -> None:
    shop.add(21, shop.medium("teal.png"), status="DRAFT")
    shop.add(22, shop.medium("teal.png"), status="ARCHIVED")
    shop.add(23)
    shop.add(24, shop.medium("teal.png"))
    shop.add_variant(251, shop.add(25, shop.medium("red.png")), shop.medium("red.png"))
    reply = Shopper(api).tries(product, variant)
    assert (reply.status_code, reply.json()) == (404, {"message": said, "code": "PRODUCT_NOT_FOUND"})


def test_what_cannot_be_placed_or_had_just_now_is_a_blocked_generation(api: Api, shop: Shop) -> None:
    shop.add(31, shop.medium("teal.png"), productType="Sticker")
    shop.add(32, shop.medium("gone.png"))
    causes = {
        31: ("GARMENT_NOT_PLACED", "how it is worn"),
        32: ("GARMENT_UNREACHABLE", "cannot be fetched just now"),
    }
    for product, (cause, said) in causes.items():
        reply = Shopper(api).tries(product).json()
        assert (reply["jobId"], reply["code"], reply["errorCode"]) == ("", "CREATION_FAILED", cause)
        assert said in reply["message"]


@pytest.fixture
def folder(
    start_api: Callable[..., Api], env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Api, Redis]]:
    """The same service with the products of a folder, and a Redis of its own."""
    with RedisServer(tmp_path_factory.mktemp("r")) as server, Redis.from_url(server.url) as redis:
        api = start_api(SETTINGS.format(source="folder"), env=env | {"REDIS_URL": server.url}, command=WITH_STAND_IN)
        yield api, redis
        api.process.terminate()  # before its Redis
        api.process.wait(20)


def test_a_product_that_is_known_costs_redis_nothing_more_than_a_folder_s(
    api: Api, redis: Redis, folder: tuple[Api, Redis], shop: Shop
) -> None:
    shop.add(1001, shop.medium("teal.png"))
    of_folder, of_shop = (cost(*one) for one in (folder, (api, redis)))
    assert of_shop == of_folder > 0


def cost(api: Api, redis: Redis) -> int:
    """In commands, of one submission."""
    shopper, number = Shopper(api), 40
    assert shopper.tries(1001).json()["jobId"]
    before = commands(redis)
    for _ in range(number):
        assert shopper.tries(1001).json()["jobId"]
    return (commands(redis) - before) // number  # a look for tasks meanwhile is less than one each


def commands(redis: Redis) -> int:
    """That Redis was sent so far, by those who do not just wait."""
    stats: dict[str, dict[str, int]] = redis.info("commandstats")
    return sum(one["calls"] for name, one in stats.items() if name.removeprefix("cmdstat_") not in WAITING)


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("customers/redact", {"customer": {"id": 41}, "orders_to_redact": []}),
        ("customers/data_request", {"customer": {"id": 42}, "orders_requested": [], "data_request": {"id": 7}}),
        ("shop/redact", {}),
    ],
)
def test_a_privacy_webhook_is_answered_before_its_work_is_done_and_then_it_is(
    api: Api, store: Store, shop: Shop, redis: Redis, topic: str, body: dict[str, Any]
) -> None:
    shop.add(4, shop.medium("teal.png"))
    about = Shopper(api, str(body.get("customer", {}).get("id", 43)))
    job = about.tries(4).json()["jobId"]
    with store.held():
        address = {"email": f"{topic.replace('/', '-')}@example.com"}
        assert about.post("/public/collect-email", json=address).status_code == 200
        until(lambda: store.num_held > 0, "whoever does the tasks is kept waiting by the shop")
        tell(api, topic, {"shop_id": 1, "shop_domain": SHOP} | body)
        assert redis.zcard("fitting-room:tasks") == 2, "answered, and not done"
        assert everything(api, redis, about.photo, job)
    until(lambda: redis.zcard("fitting-room:tasks") == 0, "all is done")
    is_left = bool(everything(api, redis, about.photo, job))
    assert is_left == (topic == "customers/data_request")
    if is_left:
        assert redis.keys(f"fitting-room:requests:{SHOP}:*")


def everything(api: Api, redis: Redis, *names: str) -> dict[str, bytes]:
    return mentioning({**in_redis(redis), **in_store(api.blobs)}, names)


def test_a_service_without_an_app_of_shopify_s_looks_for_no_tasks(
    start_api: Callable[..., Api], products: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with RedisServer(tmp_path_factory.mktemp("r")) as server, Redis.from_url(server.url) as redis:
        api = start_api("", env={"FITTING_ROOM_PRODUCTS": str(products), "REDIS_URL": server.url})
        assert httpx.get(f"{api.url}/public/check-credits").json() == {"allowed": True}
        assert redis.info("clients")["blocked_clients"] == 0
        assert "cmdstat_blpop" not in redis.info("commandstats")
        api.process.terminate()  # before its Redis
        api.process.wait(20)


def test_processes_that_have_nothing_to_do_hardly_ask_redis(api: Api, redis: Redis) -> None:
    """And a task that comes is begun at once, though nobody looks for the next half minute."""
    until(lambda: redis.zcard("fitting-room:tasks") == 0, "all is done")
    time.sleep(0.3)  # the last of them goes to wait
    before = redis.info("commandstats")
    time.sleep(3)
    after = redis.info("commandstats")
    asked = {name: one["calls"] - before.get(name, {"calls": 0})["calls"] for name, one in after.items()}
    looked = {name: number for name, number in asked.items() if number and name[len("cmdstat_") :] not in WAITING}
    assert sum(looked.values()) <= 10, "a look, at most, of each process"
    assert asked.get("cmdstat_blpop", 0) <= 4
    tell(api, "products/delete", {"id": 77})
    until(lambda: redis.zcard("fitting-room:tasks") == 0, "it is done")
