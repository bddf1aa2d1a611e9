"""Who may do what: every route against every kind of visitor, over real HTTP. A route without a row fails."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import re
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import pytest
from itsdangerous import TimestampSigner
from PIL import Image
from storefront import signed

from api.app import create_app
from api.links import Links
from api.settings import load_settings
from api.shares import Share, Shares
from inference.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from api.links import Verb
    from tests.api.conftest import Api

SHOPS = """
mode = "shopify"
public_url = "https://try.example"
weekly_limit = 1000000
upload_limit = 1000000
[[shops]]
domain = "a.example"
app_secret_envs = ["SECRET_A"]
monthly_quota = 1000000
[[shops]]
domain = "b.example"
app_secret_envs = ["SECRET_B"]
"""
SECRETS = {"SECRET_A": "secret of a", "SECRET_B": "secret of b"}

# Each visitor asks about what shopper 1 of shop a made. `mixed` signs for shop a with shop b's secret, `other` is shop
# b's own shopper, `guesses` has shop a's signature and an id with one digit changed. `told` is another shopper of shop
# a who knows the id: an id is 128 random bits, told to nobody but its maker, and opens what it names within its shop.
VOUCHED_FOR = """
                                                  nobody forged old early mixed other guesses told maker
GET    /public/check-credits                         401    401 401   401   401   200     200  200   200
GET    /public/widget                                401    401 401   401   401   200     200  200   200
POST   /public/prepare-upload                        401    401 401   401   401   200     200  200   200
POST   /public/upload-complete                       401    401 401   401   401   404     404  200   200
POST   /public/upload-image                          401    401 401   401   401   200     200  200   200
DELETE /public/image/{file_id:path}                  401    401 401   401   401   404     404  200   200
DELETE /public/me                                    401    401 401   401   401   200     200  200   200
POST   /public/fitting-room                          401    401 401   401   401   404     404  200   200
POST   /public/share-generation                      401    401 401   401   401   404     404  409   409
POST   /public/collect-email                         401    401 401   401   401   200     200  200   200
POST   /public/tracking/events                       401    401 401   401   401   200     200  200   200
GET    /public/generation/{generation_id}/download   401    401 401   401   401   404     404  409   409
GET    /public/generation/{generation_id}            401    401 401   401   401   404     404  200   200
DELETE /public/generation/{generation_id}            401    401 401   401   401   404     404  200   200
GET    /public/generation/{generation_id}/events     401    401 401   401   401   404     404  200   200
DELETE /public/me                                    401    401 401   401   401   200     200  200   200
"""

# A link is all that its bearer needs. `swapped` has another link's signature, `verb` is a live link for another verb,
# `astray` is signed by a stranger for a key outside, `gone` is live, but its picture was deleted.
BY_LINK = """
                                  nothing forged expired swapped verb astray gone live
GET     /storage/{token}              403    403     403     403  403    403  404  200
PUT     /storage/{token}              403    403     403     403  403    403  200  200
OPTIONS /storage/{token}              403    403     204     403  403    403  204  204
"""

# What a shopper shared is seen by whoever has its address: `other` is signed with another key, `over` is past its term.
SHARED = """
                          nothing forged other over
GET    /s/{token}             404    404   404  404
GET    /s/{token}/picture     404    404   404  404
"""

ANYBODY = """
                                       anybody
GET    /health/live                        200
GET    /health/ready                       503
GET    /metrics                            404
GET    /openapi.json                       200
GET    /docs                               200
GET    /static-offline-docs                307
"""

# Shopify signs what it tells with the app's secret: `hex` is that of the proxy's kind, `mixed` another shop's.
SIGNED = """
                          nothing forged hex mixed signed
POST   /webhooks/shopify      401    401 401   401    200
"""

ON_THIS_MACHINE = """
                                       here  foreign-host foreign-page
GET    /                                200           403          403
GET    /products.json                   200           403          403
GET    /products/{image:path}           404           403          403
GET    /figures/{name}                  404           403          403
GET    /static/{name}                   404           403          403
"""

Route = tuple[str, str]


def table(text: str) -> dict[Route, dict[str, int]]:
    head, *rows = text.strip().splitlines()
    split = [row.split() for row in rows]
    return {(row[0], row[1]): dict(zip(head.split(), map(int, row[2:]), strict=True)) for row in split}


def cells(text: str) -> list[Any]:
    return [
        pytest.param(route, visitor, status, id=f"{' '.join(route)} {visitor}")
        for route, row in table(text).items()
        for visitor, status in row.items()
    ]


def routes_of(app: FastAPI) -> Iterator[Route]:
    for entry in app.routes:
        for route in getattr(entry, "original_router", app).routes if hasattr(entry, "original_router") else [entry]:
            for method in (getattr(route, "methods", None) or {"GET"}) - {"HEAD"}:
                yield method, route.path  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["open", "api_key", "shopify"])
def test_every_route_has_a_row(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_SECRET", "secret")
    shop = {"domain": "a.example", "app_secret_envs": ["THE_SECRET"], "api_key_envs": ["THE_SECRET"]}
    app = create_app(load_settings(mode=mode, data=tmp_path, public_url="https://try.example", shops=[shop]))
    rows = set().union(
        *map(table, (VOUCHED_FOR, BY_LINK, SIGNED, SHARED, ANYBODY)), table(ON_THIS_MACHINE) if mode == "open" else ()
    )
    found = set(routes_of(app))
    assert found - rows == set(), "give each new route a row in the table of who may ask"
    assert rows - found == set(), "these routes are gone"
    described = {(method.upper(), path) for path, operations in app.openapi()["paths"].items() for method in operations}
    assert described <= {(method, path.replace(":path}", "}")) for method, path in found}


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with RedisServer(tmp_path_factory.mktemp("r")) as redis:  # of its own, without any worker
        yield start_api(SHOPS, env=SECRETS | {"FITTING_ROOM_PRODUCTS": str(products), "REDIS_URL": redis.url})


@pytest.fixture(scope="module")
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


def photograph() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (160, 200), "navy").save(buffer, "PNG")
    return buffer.getvalue()


def query(visitor: str) -> str:
    own, other = SECRETS["SECRET_A"], SECRETS["SECRET_B"]
    return {
        "nobody": "",
        "forged": signed("a.example", "made up", customer="1"),
        "old": signed("a.example", own, customer="1", age_s=95),
        "early": signed("a.example", own, customer="1", age_s=-95),
        "mixed": signed("a.example", other, customer="1"),
        "other": signed("b.example", other, customer="1"),
        "guesses": signed("a.example", own, customer="1"),
        "told": signed("a.example", own, customer="2"),
        "maker": signed("a.example", own, customer="1"),
    }[visitor]


class Maker:
    """Shopper 1 of shop a, and what it has."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def post(self, path: str, **content: Any) -> dict[str, Any]:
        reply = self._client.post(f"{path}?{query('maker')}", **content)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def photo(self) -> dict[str, Any]:
        return self.post("/public/upload-image", files={"file": photograph()})

    def sent(self) -> dict[str, Any]:
        prepared = self.post("/public/prepare-upload")
        assert self._client.put(here(prepared["uploadUrl"]), content=photograph()).status_code == 200
        return prepared

    def generation(self) -> str:
        wanted = {"userImageId": self.photo()["fileId"], "productId": "gid://shopify/Product/1001"}
        return str(self.post("/public/fitting-room", json=wanted)["jobId"])


def here(url: str) -> str:
    return url.removeprefix("https://try.example")


def guessed(thing: str) -> str:
    """The same with the last digit of its random part changed."""
    return re.sub(r"[0-9a-f](?=(\.\w+)?$)", lambda digit: "1" if digit[0] == "0" else "0", thing)


@pytest.mark.parametrize(("route", "visitor", "status"), cells(VOUCHED_FOR))
def test_what_a_shop_vouches_for(client: httpx.Client, route: Route, visitor: str, status: int) -> None:
    method, path = route
    maker, content = Maker(client), {}
    known = guessed if visitor == "guesses" else str
    if "{file_id" in path:
        path = path.replace("{file_id:path}", known(maker.photo()["fileId"]))
    elif "{generation_id}" in path:
        job_id = maker.generation()
        if path.endswith("/events"):
            client.delete(f"/public/generation/{job_id}?{query('maker')}")  # so that they end
        path = path.replace("{generation_id}", known(job_id))
    elif path.endswith("share-generation"):
        content = {"json": {"generationId": known(maker.generation())}}
    elif path.endswith("collect-email"):
        content = {"json": {"email": "ada@example.com"}}
    elif path.endswith("tracking/events"):
        told = {"event": "widget:result_view", "timestamp": "2026-11-24T10:00:00Z", "$insert_id": visitor}
        content = {"json": {"events": [told], "context": {}}}
    elif path.endswith("upload-complete"):
        content = {"json": {"uploadKey": known(maker.sent()["uploadKey"])}}
    elif path.endswith("fitting-room"):
        photo = known(maker.photo()["fileId"])
        content = {"json": {"userImageId": photo, "productId": "gid://shopify/Product/1001"}}
    elif path.endswith("upload-image"):
        content = {"files": {"file": photograph()}}
    assert client.request(method, f"{path}?{query(visitor)}", **content).status_code == status


@pytest.fixture(scope="module")
def makes_links(api: Api) -> Callable[[bytes | None], Links]:
    """Links as this API signs them, or as one with another key does."""
    root = (api.data / "secret").read_text().strip()
    key = hmac.new(root.encode(), b"links", hashlib.sha256).digest()
    return lambda other: Links(api.blobs, other or key, 3600, "https://try.example")


@pytest.mark.parametrize(("route", "visitor", "status"), cells(BY_LINK))
def test_what_a_link_opens(
    client: httpx.Client,
    api: Api,
    makes_links: Callable[[bytes | None], Links],
    route: Route,
    visitor: str,
    status: int,
) -> None:
    method, verb = route[0], "GET" if route[0] == "GET" else "PUT"
    maker, ours = Maker(client), makes_links(None)
    photo = maker.photo()["fileId"]
    key = photo if verb == "GET" else str(maker.post("/public/prepare-upload")["uploadKey"])

    def link(signer: Links, of: str = key, to: str = verb) -> str:
        return here((signer.picture if to == "GET" else signer.upload)(of))

    other_verb: Verb = "PUT" if verb == "GET" else "GET"
    swapped = link(ours, "photos/b.example/0.jpg").rsplit(".", 1)[1]
    with patch.object(TimestampSigner, "get_timestamp", lambda _: int(time.time()) - 4000):
        expired = link(ours)
    if visitor == "gone":
        api.blobs.delete(photo)
    url = {
        "nothing": "/storage/x",
        "forged": link(makes_links(b"another key")),
        "expired": expired,
        "swapped": f"{link(ours).rsplit('.', 1)[0]}.{swapped}",
        "verb": link(ours, to=other_verb),
        "astray": here("/storage/" + str(makes_links(b"another key")._signer("GET").dumps("../secret"))),
        "gone": link(ours),
        "live": link(ours),
    }[visitor]
    assert client.request(method, url, content=photograph() if method == "PUT" else None).status_code == status


@pytest.mark.parametrize(("route", "visitor", "status"), cells(SIGNED))
def test_what_shopify_may_tell(client: httpx.Client, route: Route, visitor: str, status: int) -> None:
    body = b'{"id": 1, "myshopify_domain": "a.example"}'

    def sign(secret: str) -> hmac.HMAC:
        return hmac.new(secret.encode(), body, hashlib.sha256)

    signature = {
        "nothing": "",
        "forged": base64.b64encode(sign("made up").digest()).decode(),
        "hex": sign(SECRETS["SECRET_A"]).hexdigest(),
        "mixed": base64.b64encode(sign(SECRETS["SECRET_B"]).digest()).decode(),
        "signed": base64.b64encode(sign(SECRETS["SECRET_A"]).digest()).decode(),
    }[visitor]
    headers = {
        "X-Shopify-Topic": "app/uninstalled",
        "X-Shopify-Shop-Domain": "a.example",
        "X-Shopify-Webhook-Id": visitor,
        "X-Shopify-Hmac-SHA256": signature,
    }
    assert client.request(*route, content=body, headers=headers).status_code == status


@pytest.mark.parametrize(("route", "visitor", "status"), cells(SHARED))
def test_what_is_shared(client: httpx.Client, api: Api, route: Route, visitor: str, status: int) -> None:
    root = (api.data / "secret").read_text().strip()
    ours = Shares(hmac.new(root.encode(), b"shares", hashlib.sha256).digest())
    job, later = Maker(client).generation(), int(time.time()) + 100
    token = {
        "nothing": "x",
        "forged": ours.token(Share("a.example", job, "a.example", later))[:-2] + "AA",
        "other": Shares(b"another key").token(Share("a.example", job, "a.example", later)),
        "over": ours.token(Share("a.example", job, "a.example", later - 200)),
    }[visitor]
    assert client.request(route[0], route[1].replace("{token}", token)).status_code == status


@pytest.mark.parametrize(("route", "visitor", "status"), cells(ANYBODY))
def test_what_anybody_may_ask(client: httpx.Client, route: Route, visitor: str, status: int) -> None:
    reply = client.request(*route)
    assert reply.status_code == status
    assert "a.example" not in reply.text, "not even which shops there are"


@pytest.fixture(scope="module")
def open_api(start_api: Callable[..., Api], products: Path) -> Api:
    return start_api(env={"FITTING_ROOM_PRODUCTS": str(products)})


@pytest.mark.parametrize(("route", "visitor", "status"), cells(ON_THIS_MACHINE))
def test_what_this_machine_may_ask(open_api: Api, route: Route, visitor: str, status: int) -> None:
    headers = {"foreign-host": {"Host": "rebound.example"}, "foreign-page": {"Origin": "https://evil.example"}}
    path = route[1].replace("{", "").replace("}", "")
    assert httpx.request(route[0], open_api.url + path, headers=headers.get(visitor)).status_code == status


@pytest.mark.parametrize(
    "route", [*table(VOUCHED_FOR), *table(BY_LINK), *table(SIGNED), *table(SHARED), *table(ANYBODY)], ids=" ".join
)
def test_a_foreign_page_gets_nothing_from_open_mode(open_api: Api, route: Route) -> None:
    for headers in ({"Host": "rebound.example"}, {"Origin": "https://evil.example"}):
        reply = httpx.request(route[0], open_api.url + route[1].replace("{", "").replace("}", ""), headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (403, "FORBIDDEN")


@pytest.fixture(scope="module")
def server(start_api: Callable[..., Api], products: Path) -> Api:
    settings = SHOPS.replace('"shopify"', '"api_key"').replace("app_secret_envs", "api_key_envs")
    return start_api(settings, env=SECRETS | {"FITTING_ROOM_PRODUCTS": str(products)})


@pytest.mark.parametrize("route", table(VOUCHED_FOR), ids=" ".join)
@pytest.mark.parametrize(
    "key", [None, "", "made up", "secret of", "secret of ab", "SECRET OF A", "secret of a,secret of b"]
)
def test_no_key_but_a_shops_own_opens_api_key_mode(server: Api, route: Route, key: str | None) -> None:
    path = route[1].replace("{", "").replace("}", "")
    headers = {} if key is None else {"x-api-key": key}
    reply = httpx.request(route[0], f"{server.url}{path}?x-api-key=secret+of+a", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (401, "UNAUTHORIZED")


def test_an_upload_key_completes_once_and_what_is_sent_after_it_is_never_seen(client: httpx.Client) -> None:
    prepared = Maker(client).sent()
    body = {"uploadKey": prepared["uploadKey"]}
    statuses = [
        client.post(f"/public/upload-complete?{query(who)}", json=body).status_code for who in ("other", "maker")
    ]
    assert statuses == [404, 200], "another shop's attempt costs nothing"
    assert client.put(here(prepared["uploadUrl"]), content=photograph()).status_code == 200
    for who in ("maker", "told", "other"):
        assert client.post(f"/public/upload-complete?{query(who)}", json=body).status_code == 404
    wanted = {"userImageId": prepared["uploadKey"], "productId": "gid://shopify/Product/1001"}
    assert client.post(f"/public/fitting-room?{query('maker')}", json=wanted).status_code == 404


def test_a_picture_has_no_address_but_its_link(client: httpx.Client, api: Api) -> None:
    photo = Maker(client).photo()
    key = photo["fileId"]
    for path in (
        f"/{key}",
        f"/storage/{key}",
        f"/storage/{key.replace('/', '%2F')}",
        f"/blobs/{key}",
        f"/data/blobs/{key}",
    ):
        for vouched in ("", query("maker")):
            assert client.get(f"{path}?{vouched}").status_code in (403, 404), path
    assert client.get(here(photo["fileUrl"])).status_code == 200
    assert (api.data / "secret").stat().st_mode & 0o077 == 0
