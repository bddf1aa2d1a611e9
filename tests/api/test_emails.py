"""E-mail addresses reach the shop's customers as their owners agreed to, and stay nowhere else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from redis import Redis
from remains import in_redis, mentioning
from shopify_customers import Customers
from shopify_store import Shop, Store
from storefront import signed
from typer.testing import CliRunner

from inference.redis_server import RedisServer
from scripts.cli import made
from tests.api.conftest import WITH_STAND_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.conftest import Api

SETTINGS = """
mode = "shopify"
public_url = "https://try.example"
metrics_token = "metrics"
[[shops]]
domain = "a.myshopify.com"
app_secret_envs = ["APP_SECRET"]
shopify_client_id = "client-id"
[[shops]]
domain = "b.myshopify.com"
app_secret_envs = ["APP_SECRET"]
"""
SHOP, WITHOUT_TOKEN, SECRET = "a.myshopify.com", "b.myshopify.com", "hush"
OK = {"success": True, "message": "Email collected successfully"}
WITHIN_S = 40


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store() as store:
        yield store


@pytest.fixture
def shop(store: Store) -> Shop:
    """With no customers, and every scope."""
    found = store.shop(SHOP)
    found.customers, found.scopes, found.failures = Customers(), Shop().scopes, []
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("r")) as server:
        yield server


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path, server: RedisServer, store: Store) -> Api:
    env = {"APP_SECRET": SECRET, "STAND_IN": str(store.port)}
    env |= {"FITTING_ROOM_PRODUCTS": str(products), "REDIS_URL": server.url}
    return start_api(SETTINGS, env=env, command=WITH_STAND_IN)


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(server.url) as client:
        yield client


def tell(api: Api, email: Any, consents: bool | None = None, *, shop: str = SHOP, customer: str = "") -> httpx.Response:
    body = {"email": email} | ({} if consents is None else {"marketingConsent": consents})
    query = signed(shop, SECRET, customer=customer or str(time.monotonic_ns()))
    return httpx.post(f"{api.url}/public/collect-email?{query}", json=body, timeout=30)


def all_done(redis: Redis) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while redis.zcard("fitting-room:tasks"):
        assert time.monotonic() < give_up_at, redis.hgetall("fitting-room:tasks:what")
        time.sleep(0.02)


def test_an_address_becomes_a_customer_who_is_subscribed_only_with_consent(api: Api, shop: Shop, redis: Redis) -> None:
    assert tell(api, "Ada@Example.com", True).json() == OK
    assert tell(api, "bob@example.com", False).json() == OK
    assert tell(api, "cleo@example.com").json() == OK
    all_done(redis)
    states = {email: shop.customers.state(email) for email in shop.customers.by_email}
    subscribed = {email for email, state in states.items() if state == "SUBSCRIBED"}
    assert (set(states), subscribed) == (
        {"ada@example.com", "bob@example.com", "cleo@example.com"},
        {"ada@example.com"},
    )
    assert all(one["tags"] == ["fitting-room"] for one in shop.customers.by_email.values())
    assert shop.customers.dates["Ada@example.com"], "and the moment of the consent is told"


@pytest.mark.parametrize(
    ("state", "consents", "becomes"),
    [
        ("NOT_SUBSCRIBED", True, "SUBSCRIBED"),
        ("NOT_SUBSCRIBED", False, "NOT_SUBSCRIBED"),
        ("SUBSCRIBED", False, "SUBSCRIBED"),
        ("UNSUBSCRIBED", True, "UNSUBSCRIBED"),
        ("PENDING", True, "PENDING"),
    ],
)
def test_a_customer_there_is_keeps_what_they_have(
    api: Api, shop: Shop, redis: Redis, state: str, consents: bool, becomes: str
) -> None:
    customer = shop.customers.add("dora@example.com", state, "wholesale")
    assert tell(api, "dora@example.com", consents).json() == OK
    all_done(redis)
    assert list(shop.customers.by_email) == ["dora@example.com"]
    assert shop.customers.state("dora@example.com") == becomes
    assert customer["tags"] == ["wholesale", "fitting-room"]


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.com", "ada@exa mple.com", "ada@localhost", "a@b@c.com"])
def test_what_is_no_address_says_so_in_the_contract_s_shape(api: Api, shop: Shop, email: str) -> None:
    reply = tell(api, email, True)
    assert reply.status_code == 400
    assert reply.json() == {"success": False, "message": "Invalid email format", "code": "VALIDATION_FAILED"}
    assert shop.customers.by_email == {}


def test_a_lost_answer_makes_no_second_customer_and_a_refusal_no_second_attempt(
    api: Api, shop: Shop, redis: Redis
) -> None:
    shop.num_lost = 1
    assert tell(api, "eve@example.com", True).json() == OK
    all_done(redis)
    assert shop.customers.state("eve@example.com") == "SUBSCRIBED"
    assert tell(api, "fay@refused.example.com", True).json() == OK
    all_done(redis)
    assert list(shop.customers.by_email) == ["eve@example.com"]
    assert "refuses an e-mail address, for its email" in api.log


def test_an_address_is_in_redis_until_it_is_delivered_and_never_in_the_log(api: Api, shop: Shop, redis: Redis) -> None:
    shop.scopes.remove("write_customers")
    for _ in range(2):
        assert tell(api, "gil@example.com", True).json() == OK
    until(lambda: f"{SHOP} does not let its app keep customers" in api.log)
    assert redis.zcard("fitting-room:tasks") == 1, "it is on its way once"
    assert mentioning(in_redis(redis), ["gil@example.com"])
    shop.scopes.append("write_customers")
    ((name, _),) = redis.zrange("fitting-room:tasks", 0, 0, withscores=True)
    redis.zadd("fitting-room:tasks", {name: 0})
    redis.lpush("fitting-room:tasks:news", "")
    all_done(redis)
    assert shop.customers.state("gil@example.com") == "SUBSCRIBED"
    assert mentioning(in_redis(redis), ["gil@"]) == {}
    assert "gil@" not in api.log


def until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def held_back(api: Api, shop: Shop, redis: Redis, email: str, customer: str = "") -> None:
    """An address that its shop does not take for now."""
    shop.scopes.remove("write_customers")
    assert tell(api, email, True, customer=customer).json() == OK
    until(lambda: attempts(redis) > 0)


def attempts(redis: Redis) -> int:
    return max(json.loads(one)[3] for one in redis.hvals("fitting-room:tasks:what"))


def webhook(api: Api, topic: str, body: dict[str, Any]) -> None:
    raw = json.dumps({"shop_id": 1, "shop_domain": SHOP} | body).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": SHOP, "X-Shopify-Hmac-SHA256": signature}
    assert httpx.post(f"{api.url}/webhooks/shopify", content=raw, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("customers/redact", {"customer": {"email": "Hal@example.com"}, "orders_to_redact": []}),
        ("customers/redact", {"customer": {"id": 77, "email": None}, "orders_to_redact": []}),
        ("shop/redact", {}),
    ],
)
def test_what_waits_is_forgotten_with_its_owner(
    api: Api, shop: Shop, redis: Redis, topic: str, body: dict[str, Any]
) -> None:
    held_back(api, shop, redis, "hal@example.com", customer="77")
    webhook(api, topic, body)
    all_done(redis)
    assert mentioning(in_redis(redis), ["hal@"]) == {}
    assert shop.customers.by_email == {}


def test_a_shopper_s_own_wish_to_be_forgotten_takes_it_back(api: Api, shop: Shop, redis: Redis) -> None:
    held_back(api, shop, redis, "ida@example.com", customer="78")
    query = signed(SHOP, SECRET, customer="78")
    assert httpx.delete(f"{api.url}/public/me?{query}", timeout=30).status_code == 200
    assert redis.zcard("fitting-room:tasks") == 0


def test_the_operator_takes_it_back(
    api: Api, shop: Shop, redis: Redis, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_back(api, shop, redis, "jan@example.com", customer="80")
    (settings,) = api.data.glob("settings-*.toml")
    env = {"FITTING_ROOM_SETTINGS": str(settings), "FITTING_ROOM_DATA": str(api.data), "APP_SECRET": SECRET}
    for name, value in (env | {"REDIS_URL": server.url}).items():
        monkeypatch.setenv(name, value)
    for customer, number in (("81", 0), ("80", 1), ("80", 0)):
        said = CliRunner().invoke(made(["erase"]), ["erase", "--shop", SHOP, "--customer", customer])
        assert json.loads(said.stdout.splitlines()[-1])["emails"] == number
    assert redis.zcard("fitting-room:tasks") == 0


def test_what_its_shop_does_not_take_for_three_days_is_given_up(api: Api, shop: Shop, redis: Redis) -> None:
    told = {"address": "jim@example.com", "consents": True, "identity": "", "at": time.time() - 3 * 86400 - 1}
    redis.hset("fitting-room:tasks:what", "old", json.dumps(["collect-email", SHOP, told, 9]))
    redis.zadd("fitting-room:tasks", {"old": 0})
    redis.lpush("fitting-room:tasks:news", "")
    all_done(redis)
    assert shop.customers.by_email == {}
    assert 'fitting_room_emails_total{shop="a.myshopify.com",state="GIVEN_UP"}' in scraped(api)


def scraped(api: Api) -> str:
    return httpx.get(f"{api.url}/metrics", headers={"Authorization": "Bearer metrics"}).text


def test_a_shop_without_a_token_keeps_nothing_and_the_log_says_why(api: Api, redis: Redis) -> None:
    for _ in range(2):
        assert tell(api, "kim@example.com", True, shop=WITHOUT_TOKEN).json() == OK
    assert redis.zcard("fitting-room:tasks") == 0
    for shop, collects in ((WITHOUT_TOKEN, False), (SHOP, True)):  # so that the widget asks no one for nothing
        facts = httpx.get(f"{api.url}/public/widget?{signed(shop, SECRET)}").json()
        assert facts["collectsEmails"] is collects
    assert api.log.count(f"{WITHOUT_TOKEN} has no token of the Admin API") == 1


def test_one_shopper_tells_five_addresses_an_hour(api: Api, shop: Shop, redis: Redis) -> None:
    replies = [tell(api, f"n{number}@example.com", customer="79") for number in range(6)]
    assert [one.status_code for one in replies] == [200] * 5 + [429]
    assert (replies[-1].json()["success"], replies[-1].json()["code"]) == (False, "RATE_LIMIT_EXCEEDED")
    assert int(replies[-1].headers["retry-after"]) > 3000
    all_done(redis)


def test_one_token_of_a_day_serves_all(api: Api, shop: Shop, redis: Redis) -> None:
    for email in ("lea@example.com", "max@example.com"):
        assert tell(api, email).json() == OK
        all_done(redis)
    assert shop.num_granted == 1
