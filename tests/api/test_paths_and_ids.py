"""No path or key leads out of its place, and no id can be guessed."""

from __future__ import annotations

import http.client
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from inference.jobs import new_generation_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.api.conftest import Api

UP = [
    *("../secret", "../../secret", "../../../../../../etc/passwd", "..", ".", "./../secret", "a/../../secret"),
    *("..%2fsecret", "..%2F..%2Fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "%252e%252e%252fsecret", "..%c0%afsecret"),
    *("..\\secret", "..%5csecret", "..%5c..%5csecret", "....//secret", "..;/secret", "%2e%2e;/secret"),
    *("/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd", "~/secret"),
    *("photos/open.localhost/../../../secret", "photos/open.localhost/..%2f..%2f..%2fsecret", "photos/%00secret"),
    *("secret%00.png", "secret%0a", "shirt.png/../../secret", "shirt.png%2f..%2fproducts.json", "products.json"),
    *("%ff%fe", "%u002e%u002e/secret", "x" * 3000, "%", "%zz", "../" * 500 + "etc/passwd"),
]
PATHS = ["/storage/{}", "/public/image/{}", "/public/generation/{}", "/public/generation/{}/events", "/products/{}"]
PATHS += ["/figures/{}", "/static/{}", "/static-offline-docs/{}", "/{}"]
KEYS = [("fitting-room", "userImageId"), ("fitting-room", "maskImageId"), ("fitting-room", "denseposeImageId")]
KEYS += [("upload-complete", "uploadKey")]


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path) -> Api:
    api = start_api(env={"FITTING_ROOM_PRODUCTS": str(products)})
    (api.data / "blobs" / "secret").write_text("what lies beside the photographs")
    (products.parent / "secret").write_text("what lies beside the products")
    api.blobs.put("photos/open.localhost/me.jpg", b"a photograph")
    return api


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


def raw(api: Api, method: str, path: str) -> tuple[int, bytes]:
    """The answer to a path that goes over the wire as it is written: other clients tidy it."""
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        connection.endheaders()
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_anywhere_else(api: Api, path: str) -> None:
    secret = (api.data / "secret").read_bytes() if (api.data / "secret").exists() else b"what lies"
    pages = {raw(api, "GET", page)[1] for page in ("/", "/docs", "/openapi.json", "/products.json")}
    for astray in UP:
        for method in ("GET", "DELETE", "PUT"):
            status, body = raw(api, method, path.format(astray))
            assert status in (200, 400, 403, 404, 405), (method, astray, status)
            assert status != 200 or body in pages, (method, astray)
            assert not any(text in body for text in (secret, b"what lies", b"root:")), astray


@pytest.mark.parametrize(("route", "field"), KEYS)
def test_no_key_leads_anywhere_else(client: httpx.Client, route: str, field: str) -> None:
    wanted = {"userImageId": "photos/open.localhost/me.jpg", "productId": "gid://shopify/Product/1001"}
    for astray in [
        *UP,
        "results/open.localhost/me.jpg",
        "tmp/open.localhost/x",
        "photos/open.localhost",
        "photos//me.jpg",
    ]:
        for key in (astray, f"photos/open.localhost/{astray}", f"tmp/open.localhost/{astray}", astray + "\0", "\0"):
            body = {field: key} if route == "upload-complete" else wanted | {field: key}
            reply = client.post(f"/public/{route}", json=body)
            assert reply.status_code in (400, 404), key
            assert reply.json()["code"] in ("VALIDATION_FAILED", "IMAGE_NOT_FOUND", "UPLOAD_NOT_FOUND")


def ids_of_generations(client: httpx.Client) -> list[str]:
    return [new_generation_id() for _ in range(200)]


def keys_of_uploads(client: httpx.Client) -> list[str]:
    return [str(client.post("/public/prepare-upload").json()["uploadKey"]) for _ in range(200)]


@pytest.mark.parametrize("make", [ids_of_generations, keys_of_uploads])
def test_ids_are_128_random_bits(make: Callable[[httpx.Client], list[str]], client: httpx.Client) -> None:
    found = make(client)
    digits = [re.search(r"[0-9a-f]{32}$", one) for one in found]
    numbers = [int(one[0], 16) for one in digits if one]
    assert len(set(numbers)) == 200
    for bit in range(128):
        ones = sum(number >> bit & 1 for number in numbers)
        assert 50 <= ones <= 150, f"bit {bit} hardly changes"  # a fair coin does this less than once in 10^12 tries
