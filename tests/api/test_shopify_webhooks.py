"""What Shopify tells is believed when it is signed, done once, and erases what it must."""

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
from storefront import signed

from api.secret import signing_key
from api.settings import Settings
from inference.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.conftest import Api

SHOPS = """
mode = "shopify"
public_url = "https://try.example"
weekly_limit = 1000
upload_limit = 1000
[[shops]]
domain = "a.myshopify.com"
app_secret_envs = ["NEW_SECRET_A", "SECRET_A"]
[[shops]]
domain = "b.myshopify.com"
app_secret_envs = ["SECRET_B"]
"""
SECRETS = {"SECRET_A": "hush", "NEW_SECRET_A": "hush hush", "SECRET_B": "secret of b"}
SHOP, OTHER = "a.myshopify.com", "b.myshopify.com"
WITHIN_S = 30


@pytest.fixture(scope="module")
def redis_of_ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("r")) as server:
        yield server


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path, redis_of_ours: RedisServer) -> Api:
    env = SECRETS | {"FITTING_ROOM_PRODUCTS": str(products), "REDIS_URL": redis_of_ours.url}
    return start_api(SHOPS, env=env)


@pytest.fixture
def redis(redis_of_ours: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis_of_ours.url) as client:
        yield client


def sign(body: bytes, secret: str = "hush") -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def tell(api: Api, topic: str, body: Any, *, shop: str = SHOP, name: str = "", signature: str = "") -> httpx.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-Webhook-Id": name or hashlib.sha256(raw + str(time.monotonic_ns()).encode()).hexdigest()[:32],
        "X-Shopify-Hmac-SHA256": signature or sign(raw),
    }
    return httpx.post(f"{api.url}/webhooks/shopify", content=raw, headers=headers, timeout=30)


def until(condition: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {WITHIN_S} s: {what}"
        time.sleep(0.05)


def all_done(redis: Redis) -> None:
    until(lambda: redis.zcard("fitting-room:tasks") == 0, "every task is done")
    assert redis.hlen("fitting-room:tasks:what") == 0


def redact(customer: int, shop: str = SHOP) -> dict[str, Any]:
    return {"shop_id": 1, "shop_domain": shop, "customer": {"id": customer, "email": "x@y.z"}, "orders_to_redact": []}


class Customer:
    """Logged in at a shop, with a photograph, a picture that was made, and an upload that was left."""

    def __init__(self, api: Api, number: int, shop: str = SHOP, secret: str = "hush") -> None:
        self.api, self.number, self.shop, self.secret = api, number, shop, secret
        self.photo = self.post("/public/upload-image", files={"file": photograph(number)})["fileId"]
        self.upload = self.post("/public/prepare-upload")["uploadKey"]
        wanted = {"userImageId": self.photo, "productId": "gid://shopify/Product/1001"}
        self.job = self.post("/public/fitting-room", json=wanted)["jobId"]

    def post(self, path: str, **content: Any) -> dict[str, Any]:
        query = signed(self.shop, self.secret, customer=str(self.number))
        reply = httpx.post(f"{self.api.url}{path}?{query}", timeout=30, **content)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    @property
    def names(self) -> list[str]:
        key = signing_key(Settings(data=self.api.data), "identities")
        identity = hmac.new(key, f"{self.shop}\0customer\0{self.number}".encode(), hashlib.sha256).hexdigest()
        return [identity, self.photo, self.upload, self.job]


def photograph(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((160, 200), 20 + number % 50).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def left_of(customer: Customer, redis: Redis) -> list[str]:
    return sorted(mentioning({**in_redis(redis), **in_store(customer.api.blobs)}, customer.names))


def test_a_customer_who_is_to_be_forgotten_is_and_nobody_else(api: Api, redis: Redis) -> None:
    ann, bob, far = Customer(api, 501), Customer(api, 502), Customer(api, 501, OTHER, "secret of b")
    bobs, fars = left_of(bob, redis), left_of(far, redis)
    assert left_of(ann, redis)
    assert tell(api, "customers/redact", redact(501)).status_code == 200
    all_done(redis)
    assert left_of(ann, redis) == []
    assert (left_of(bob, redis), left_of(far, redis)) == (bobs, fars)


def test_a_shop_that_is_to_be_forgotten_keeps_no_shopper_and_no_product(api: Api, redis: Redis) -> None:
    ann, far = Customer(api, 503), Customer(api, 503, OTHER, "secret of b")
    fars = left_of(far, redis)
    redis.hset(f"fitting-room:product:{SHOP}:1", "version", "3")
    assert tell(api, "shop/redact", {"shop_id": 1, "shop_domain": SHOP}).status_code == 200
    all_done(redis)
    assert left_of(ann, redis) == []
    assert left_of(far, redis) == fars
    found = {**in_redis(redis), **in_store(api.blobs)}
    assert [name for name in found if SHOP in name and "/photos/" in f"/{name}"] == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"signature": "x"}, 401),
        ({"signature": sign(b"{}")}, 401),
        ({"signature": hmac.new(b"hush", b"body", hashlib.sha256).hexdigest()}, 401),
        ({"shop": "unknown.myshopify.com"}, 401),
        ({"shop": OTHER}, 401),
        ({"body": redact(1, OTHER)}, 401),
        ({"topic": "shop/redact"}, 400),
        ({"topic": "customers/data_request"}, 400),
        ({"body": b"[]"}, 400),
        ({"body": b"{"}, 400),
        ({"topic": "orders/create"}, 200),
    ],
)
def test_what_is_not_signed_or_is_about_something_else_does_nothing(
    api: Api, redis: Redis, changes: dict[str, Any], status: int
) -> None:
    ann = Customer(api, 504)
    wanted = {"topic": "customers/redact", "body": redact(504)} | changes
    assert tell(api, **wanted).status_code == status
    all_done(redis)
    assert left_of(ann, redis)


def test_either_secret_signs_while_one_replaces_the_other(api: Api) -> None:
    body = json.dumps(redact(1)).encode()
    for secret in ("hush", "hush hush"):
        assert tell(api, "customers/redact", body, signature=sign(body, secret)).status_code == 200


def test_the_signature_is_the_one_that_shopify_makes() -> None:
    body = b'{"shop_id":954889,"shop_domain":"demo-shop.myshopify.com"}'
    assert sign(body) == "6TxFXo4VjF992eRtz0Oa5auqddBlNwz8JqySK8t5gDE="  # pragma: allowlist secret


def test_what_is_told_twice_is_done_once(api: Api, redis: Redis) -> None:
    assert tell(api, "customers/redact", redact(505), name="the-same").status_code == 200
    all_done(redis)
    ann = Customer(api, 505)
    assert tell(api, "customers/redact", redact(505), name="the-same").status_code == 200
    all_done(redis)
    assert left_of(ann, redis)


def test_what_is_asked_about_a_customer_is_noted_until_they_are_forgotten(api: Api, redis: Redis) -> None:
    ann = Customer(api, 506)
    about = {"id": 506, "email": "x@y.z", "phone": ""}
    asked = {"shop_id": 1, "shop_domain": SHOP, "orders_requested": [], "customer": about, "data_request": {"id": 9}}
    assert tell(api, "customers/data_request", asked).status_code == 200
    all_done(redis)
    (key,) = redis.keys(f"fitting-room:requests:{SHOP}:*")
    noted = json.loads(redis.get(key) or b"")
    assert (noted["customer"], noted["request"]) == ("506", 9)
    assert 0 < redis.ttl(key) <= 30 * 86400
    assert "506" not in api.log.split("asks what is held")[-1].splitlines()[0]
    assert tell(api, "customers/redact", redact(506)).status_code == 200
    all_done(redis)
    assert left_of(ann, redis) == []


def test_a_product_is_asked_for_anew_when_what_it_shows_changed_and_not_when_it_was_sold(
    api: Api, redis: Redis
) -> None:
    product = {"id": 7, "title": "Shirt", "status": "active", "images": [{"id": 1, "src": "https://cdn/1.jpg"}]}

    def changes() -> int:
        all_done(redis)
        return int(redis.xlen("fitting-room:product-changes"))

    before = changes()
    sold = product | {"variants": [{"id": 1, "image_id": None, "inventory_quantity": 5}]}
    assert tell(api, "products/update", sold).status_code == 200
    assert changes() == before + 1
    sold["variants"][0]["inventory_quantity"] = 4  # type: ignore[index]
    assert tell(api, "products/update", sold).status_code == 200
    assert changes() == before + 1
    assert tell(api, "products/update", sold | {"images": []}).status_code == 200
    assert changes() == before + 2
    redis.hset(f"fitting-room:product:{SHOP}:7", "kept", "x")
    assert tell(api, "app/uninstalled", {"id": 1, "myshopify_domain": SHOP}).status_code == 200
    all_done(redis)
    assert redis.hkeys(f"fitting-room:product:{SHOP}:7") == [b"version"]


def test_a_task_outlives_the_process_that_took_it(
    start_api: Callable[..., Api], products: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with RedisServer(tmp_path_factory.mktemp("r")) as server, Redis.from_url(server.url) as redis:
        env = SECRETS | {"FITTING_ROOM_PRODUCTS": str(products), "REDIS_URL": server.url}
        first = start_api(SHOPS, env=env)
        ann = Customer(first, 507)
        first.process.kill()
        first.process.wait()
        task = json.dumps(["customers/redact", SHOP, {"identity": ann.names[0]}, 0])
        redis.hset("fitting-room:tasks:what", "t", task)
        redis.zadd("fitting-room:tasks", {"t": time.time() + 1})  # as whoever took it and died had left it
        start_api(SHOPS, env=env, data=first.data)
        all_done(redis)
        assert left_of(ann, redis) == []
