"""`fitting-room doctor --shop`: green where all is well, and each thing that is not is named with what mends it.

Over real HTTP: the service behind a TLS proxy, and a stand-in for Shopify.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from front import Front
from redis import Redis
from shopify_store import Shop, Store, picture
from typer.testing import CliRunner

from api.fetching import Fetcher
from api.sources import apis
from inference.redis_server import RedisServer
from scripts.cli import made
from scripts.doctor import shop as doctor
from tests.api.conftest import WITH_STAND_IN, Api, running_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.doctor.finding import Finding

DOMAIN = "a.myshopify.com"
SETTINGS = """
mode = "shopify"
public_url = "{url}"
product_source = "admin"
upload_limit = 1000
require_consent = true
categories = {{ "Mug" = "upper" }}
[[shops]]
domain = "a.myshopify.com"
app_secret_envs = ["APP_SECRET"]
shopify_client_id = "client-id"
origins = ["https://www.a.example"]
"""
TEMPLATE = '{"sections": {"main": {"blocks": {"1": {"type": "shopify://apps/fitting-room/blocks/try-on/0a1b"}}}}}'


class Connected:
    """A store that is connected, as a merchant left it; tests spoil one thing each."""

    def __init__(self, api: Api, front: Front, store: Store, redis_url: str, redis: Redis) -> None:
        self.api, self.front, self.store, self.redis_url, self.redis = api, front, store, redis_url, redis
        self.settings = api.data / "doctor.toml"

    @property
    def shop(self) -> Shop:
        return self.store.shop(DOMAIN)

    def restore(self) -> None:
        self.front.answers, self.front.drops = {}, set()
        self.front.service = self.api.url
        self.store.shops[DOMAIN] = Shop(self.store.url)
        self.shop.add(1, self.shop.medium("shirt.png"))
        self.shop.theme_files["templates/product.json"] = TEMPLATE
        self.hook("products/update", "products/delete", "app/uninstalled")
        self.redis.delete(f"fitting-room:webhooks-came:{DOMAIN}")
        self.redis.zadd("fitting-room:ready", {"worker": time.time() + 3600})
        self.settings.write_text(SETTINGS.format(url=self.front.url))

    def hook(self, *topics: str, url: str = "") -> None:
        address = url or f"{self.front.url}/webhooks/shopify"
        self.shop.webhooks = {topic.upper().replace("/", "_"): address for topic in topics}

    def change(self, before: str, after: str) -> None:
        """Of the settings that the doctor reads."""
        text = self.settings.read_text()
        assert before in text
        self.settings.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    folder = tmp_path_factory.mktemp("connected")
    with (
        RedisServer(tmp_path_factory.mktemp("r")) as server,
        Store() as store,
        Front(folder) as front,
        Redis.from_url(server.url) as redis,
    ):
        store.pictures["shirt.png"] = picture()
        env = {"APP_SECRET": "hush", "STAND_IN": str(store.port), "REDIS_URL": server.url}
        with running_api(folder, SETTINGS.format(url=front.url), env, WITH_STAND_IN) as api:
            yield Connected(api, front, store, server.url, redis)


@pytest.fixture
def connected(whole: Connected, monkeypatch: pytest.MonkeyPatch) -> Connected:
    whole.restore()
    monkeypatch.setattr(apis, "ADDRESS", whole.store.address)
    port = whole.store.port
    local = Fetcher(frozenset({"127.0.0.1"}), schemes=("http",), ports=(port,), is_allowed=lambda _: True)
    monkeypatch.setattr(doctor, "Fetcher", lambda _: local)
    for name, value in {
        "APP_SECRET": "hush",
        "SSL_CERT_FILE": str(whole.front.authority),
        "REDIS_URL": whole.redis_url,
        "FITTING_ROOM_SETTINGS": str(whole.settings),
        "FITTING_ROOM_DATA": str(whole.api.data),
    }.items():
        monkeypatch.setenv(name, value)
    return whole


def found(domain: str = DOMAIN) -> dict[str, Finding]:
    async def run() -> list[Finding]:
        return [one async for one in doctor.findings(domain)]

    return {one.what: one for one in asyncio.run(run())}


def test_where_all_is_well_nothing_is_to_be_mended(connected: Connected) -> None:
    said = CliRunner().invoke(made(["doctor"]), ["doctor", "--shop", DOMAIN])
    told = json.loads(said.stdout.strip().splitlines()[-1])
    assert told == {"ok": True, "missing": [], "look": ["privacy webhooks"]}, said.stdout
    assert said.exit_code == 0
    findings = found()
    assert list(findings) == [
        *("settings", "app proxy, APP_SECRET", "false signature", "webhooks' address"),
        *("Admin API", "API version", "scopes", "e-mail addresses", "webhooks", "privacy webhooks", "theme block"),
        *("pages of https://a.myshopify.com", "pages of https://www.a.example", "photographs"),
        *("products", "workers"),
    ]
    assert findings["theme block"].found == "in templates/product.json of Dawn"
    assert not list(connected.api.blobs.stored("photos")), "the doctor's own photograph is gone"


def test_what_is_to_be_mended_ends_with_1_and_is_named(connected: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    connected.redis.delete("fitting-room:ready")
    connected.shop.scopes.remove("read_products")
    said = CliRunner().invoke(made(["doctor"]), ["doctor", "--shop", DOMAIN])
    assert said.exit_code == 1
    assert json.loads(said.stdout.strip().splitlines()[-1])["missing"] == ["scopes", "workers"]
    assert "Start one: fitting-room worker" in said.stdout


def spoilt_settings(text: str) -> Any:
    return lambda connected: connected.settings.write_text(text)


def answering(beginning: str, status: int, said: str = "{}") -> Any:
    return lambda connected: connected.front.answers.update({beginning: (status, said)})


def changing(before: str, after: str) -> Any:
    return lambda connected: connected.change(before, after)


def of_shop(**values: Any) -> Any:
    return lambda connected: [setattr(connected.shop, name, value) for name, value in values.items()]


def selling(**told: Any) -> Any:
    def spoil(connected: Connected) -> None:
        connected.shop.products.clear()
        connected.shop.add(1, connected.shop.medium("shirt.png"), **told)

    return spoil


def without(name: str) -> Any:
    return lambda connected: connected.shop.scopes.remove(name)


MENDED = [
    ("settings", changing('domain = "a.', 'domain = "other.'), "no such shop", 'domain = "a.myshopify.com"'),
    ("settings", spoilt_settings("port = 70000"), "refused", "port: Input should be less"),
    ("settings", spoilt_settings(f'[[shops]]\ndomain = "{DOMAIN}"'), "open mode", 'Set mode = "shopify"'),
    ("settings", changing("origins", "plan_expires = 2020-01-01T00:00:00Z\norigins"), "has ended", "Set plan_expires"),
    ("public_url", changing("https://127", "http://127"), "http://127", "Set public_url to an https:// address"),
    (
        "app proxy, APP_SECRET",
        changing("https://127.0.0.1:", "https://127.0.0.9:"),
        "does not answer",
        "Let https://127",
    ),
    (
        "app proxy, APP_SECRET",
        answering("GET /public/check-credits", 200, "hello"),
        "not this service's",
        "something else",
    ),
    ("app proxy, APP_SECRET", answering("GET /public", 200, '{"allowed": false}'), "refuses", "Raise this shop's"),
    ("false signature", answering("GET /public/check", 200, '{"allowed": true}'), "answered 200", "reach this service"),
    ("webhooks' address", answering("POST /webhooks", 404), "404 to a false", "has to be answered 401"),
    ("webhooks' address", lambda one: one.front.drops.add("x-shopify-hmac-sha256"), "to a true", "Let the raw body"),
    ("Admin API", of_shop(app=("client-id", "another")), "refused", "Check its shopify_client_id"),
    ("API version", of_shop(versions={"2026-10": False, "2027-10": True}), "no longer", "Shopify supports 2027-10"),
    ("scopes", without("write_app_proxy"), "read_products", "write_app_proxy (for the app proxy)"),
    ("webhooks", lambda one: one.hook("products/update", url="https://old.example"), "https://old.example", "Change"),
    (
        "theme block",
        of_shop(theme_files={"templates/product.json": "{}"}),
        "of Dawn",
        "the block Try-on button",
    ),
    ("pages of https://www.b.example", of_shop(domain="www.b.example"), "may not", 'Add "https://www.b.example"'),
    ("pages of https://a.myshopify.com", answering("OPTIONS /storage", 405), "may not", "let OPTIONS requests"),
    ("photographs", answering("PUT /storage", 413), "the upload: answered 413", "bodies of 20 MB"),
    (
        "photographs",
        answering("POST /public/prepare", 502, "bad"),
        "prepare-upload: answered 502",
        "reach this service",
    ),
    ("photographs", answering("GET /storage", 403), "the signed link: answered 403", "the signed link did not work"),
    ("products", lambda one: one.shop.products.clear(), "none of the first", "Publish a product"),
    ("products", selling(status="DRAFT"), "none of the first 1", "Publish a product"),
    ("products", selling(productType="Sticker"), "0 of the first 1", "Map a product type"),
    ("products", lambda one: one.shop.add(1, one.shop.medium("gone.png")), "the picture of", "Let this server fetch"),
    ("workers", lambda one: one.redis.delete("fitting-room:ready"), "0 ready", "Start one"),
]


@pytest.mark.parametrize(("what", "spoil", "seen", "fix"), MENDED)
def test_each_thing_that_is_wrong_is_named_with_what_mends_it(
    connected: Connected, what: str, spoil: Any, seen: str, fix: str
) -> None:
    spoil(connected)
    finding = found()[what]
    assert seen in finding.found
    assert fix in finding.fix


LOOKED_AT = [
    ("webhooks", lambda one: one.hook(), "products/update"),
    ("theme block", without("read_themes"), "Open Online Store"),
    ("e-mail addresses", without("write_customers"), "write_customers"),
    ("privacy webhooks", lambda _: None, "customers/redact"),
    ("products", lambda one: one.shop.add(2, one.shop.medium("shirt.png"), productType="Sticker"), "products check"),
]


@pytest.mark.parametrize(("what", "spoil", "look"), LOOKED_AT)
def test_what_cannot_be_seen_or_need_not_be_says_where_to_look(
    connected: Connected, what: str, spoil: Any, look: str
) -> None:
    spoil(connected)
    finding = found()[what]
    assert (look in finding.look, finding.fix) == (True, "")


def test_webhooks_that_came_are_seen_to_come(connected: Connected) -> None:
    connected.hook()
    for topic in ("products/update", "products/delete", "app/uninstalled", "shop/redact"):
        came(connected, topic)
    findings = found()
    assert (findings["webhooks"].fix, findings["webhooks"].look) == ("", "")
    assert "products/update, 0 minutes ago" in findings["webhooks"].found
    assert "shop/redact, 0 minutes ago" in findings["privacy webhooks"].found
    assert "customers/redact go to https://127" in findings["privacy webhooks"].look
    about = {"customer": {"id": 1}, "orders_to_redact": [], "data_request": {"id": 1}}
    for topic in ("customers/redact", "customers/data_request"):
        came(connected, topic, **about)
    assert found()["privacy webhooks"].look == ""


def came(connected: Connected, topic: str, **about: Any) -> None:
    body = json.dumps({"id": 1, "shop_domain": DOMAIN, "myshopify_domain": DOMAIN} | about).encode()
    signature = base64.b64encode(hmac.new(b"hush", body, hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": DOMAIN, "X-Shopify-Hmac-SHA256": signature}
    assert httpx.post(f"{connected.api.url}/webhooks/shopify", content=body, headers=headers).status_code == 200


def test_another_secret_than_the_api_s_is_told(connected: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRET", "another")
    finding = found()["app proxy, APP_SECRET"]
    assert (finding.found, "Start the API again with the APP_SECRET" in finding.fix) == ("401", True)


def test_a_store_of_pictures_that_cannot_be_written_is_told(connected: Connected) -> None:
    with nowhere_to_write(connected.api.data):
        finding = found()["photographs"]
    assert "the upload" in finding.found
    assert "storage_url be writable" in finding.fix


@contextmanager
def nowhere_to_write(data: Path) -> Iterator[None]:
    (data / "blobs").rename(data / "away")
    (data / "blobs").write_text("")
    try:
        yield
    finally:
        (data / "blobs").unlink()
        (data / "away").rename(data / "blobs")


def test_a_redis_that_is_away_is_told(connected: Connected, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    assert "Redis" in found()


def test_the_storefront_api_is_looked_at_where_it_tells_the_products(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "st")
    connected.change('product_source = "admin"', 'product_source = "storefront"')
    connected.change('shopify_client_id = "client-id"', 'shopify_token_env = "TOKEN"')
    findings = found()
    assert [one.what for one in findings.values() if one.fix] == []
    assert findings["Storefront API"].found == "answers for The shop"
    assert "shopify_client_id" in findings["Admin API"].look
    monkeypatch.setenv("TOKEN", "expired")
    assert "a token may have expired" in found()["Storefront API"].fix


def test_a_folder_s_products_need_no_shopify(connected: Connected, tmp_path: Path) -> None:
    connected.change('product_source = "admin"', f'product_source = "folder"\nproducts = "{tmp_path}"')
    assert "products.json" in found()["products"].fix
    (tmp_path / "products.csv").write_text("productId,title,image\ngid://shopify/Product/1,Mug,mug.png\n")
    assert "List products" in found()["products"].fix
    text = "productId,title,image,category\ngid://shopify/Product/1,Shirt,shirt.png,upper\n"
    (tmp_path / "products.csv").write_text(text)
    assert found()["products"].found == f"1 in {tmp_path}"
