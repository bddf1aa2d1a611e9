"""The photograph's way in, over real HTTP: three steps, caps, keys, origins, and out again."""

from __future__ import annotations

import io
import json
import time
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer
from PIL import Image
from redis import Redis

from api.errors import LinkInvalid
from api.links import UPLOAD_TTL_S, Links
from inference.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.conftest import Api

MEGABYTE = 1 << 20


def photograph(colour: str = "navy", size: tuple[int, int] = (640, 800)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("products")
    (folder / "shirt.png").write_bytes(photograph("red"))
    shirt = {"productId": "gid://shopify/Product/1", "title": "Shirt", "image": "shirt.png", "category": "upper"}
    (folder / "products.json").write_text(json.dumps({"products": [shirt]}))
    return folder


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path) -> Api:
    return start_api(f'products = "{products}"')


@pytest.fixture(scope="module")
def two_shops(start_api: Callable[..., Api], products: Path) -> Api:
    return start_api(
        f"""
        mode = "api_key"
        public_url = "https://try-on.example"
        products = "{products}"
        [[shops]]
        domain = "one.myshopify.com"
        api_key_envs = ["KEY_ONE"]
        origins = ["https://WWW.One.example"]
        [[shops]]
        domain = "two.myshopify.com"
        api_key_envs = ["KEY_TWO"]
        """,
        env={"KEY_ONE": "one", "KEY_TWO": "two"},
    )


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


def send(client: httpx.Client, data: bytes) -> httpx.Response:
    """All three steps; the reply of the last."""
    prepared = client.post("/public/prepare-upload").json()
    put = client.put(prepared["uploadUrl"], content=data, headers={"Content-Type": "application/octet-stream"})
    assert put.status_code == 200, put.text
    return client.post("/public/upload-complete", json={"uploadKey": prepared["uploadKey"]})


def stored(api: Api, kind: str) -> list[Path]:
    return [path for path in (api.data / "blobs" / kind).rglob("*") if path.is_file()]


def test_three_steps_make_a_photograph_that_its_link_shows(client: httpx.Client, api: Api) -> None:
    reply = send(client, photograph("navy", (1000, 800)))
    assert reply.status_code == 200
    assert set(reply.json()) == {"fileId", "fileUrl", "message"}
    assert reply.json()["message"] == "Image processed successfully"
    shown = client.get(reply.json()["fileUrl"])
    assert shown.headers["content-type"] == "image/png"  # it has one colour, as no real photograph
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "private" in shown.headers["cache-control"]
    with Image.open(io.BytesIO(shown.content)) as picture:
        assert picture.size == (640, 800)
    assert not stored(api, "tmp"), "what was uploaded is gone once it is processed"


def test_an_upload_completes_once(client: httpx.Client) -> None:
    prepared = client.post("/public/prepare-upload").json()
    body = {"uploadKey": prepared["uploadKey"]}
    too_early = client.post("/public/upload-complete", json=body)
    client.put(prepared["uploadUrl"], content=photograph())
    first, second = (client.post("/public/upload-complete", json=body) for _ in range(2))
    assert [reply.status_code for reply in (too_early, first, second)] == [404, 200, 404]
    client.put(prepared["uploadUrl"], content=photograph())
    assert client.post("/public/upload-complete", json=body).json()["code"] == "UPLOAD_NOT_FOUND"


def test_a_bad_photograph_is_a_sentence_and_leaves_nothing(client: httpx.Client, api: Api) -> None:
    before = stored(api, "photos")
    reply = send(client, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert reply.status_code == 400
    assert reply.json()["code"] == "PHOTO_UNUSABLE"
    assert "SVG" in reply.json()["message"]
    assert stored(api, "photos") == before
    assert not [path for path in stored(api, "tmp") if path.read_bytes().startswith(b"<svg")]


@pytest.mark.parametrize("declared", [True, False])
def test_an_upload_is_cut_off_at_20_mb_while_it_streams(declared: bool, client: httpx.Client, api: Api) -> None:
    prepared = client.post("/public/prepare-upload").json()
    largest = stored(api, "tmp")

    def pieces() -> Iterator[bytes]:
        for _ in range(21):
            yield b"x" * MEGABYTE

    reply = client.put(prepared["uploadUrl"], content=b"x" * (21 * MEGABYTE) if declared else pieces())
    assert reply.status_code == 413
    assert "20 MB" in reply.json()["message"]
    assert stored(api, "tmp") == largest
    assert client.put(prepared["uploadUrl"], content=b"x" * (20 * MEGABYTE)).status_code == 200


def test_a_link_is_for_one_verb_and_cannot_be_altered(client: httpx.Client) -> None:
    upload_url = client.post("/public/prepare-upload").json()["uploadUrl"]
    file_url = send(client, photograph()).json()["fileUrl"]
    for reply in (
        client.get(upload_url),
        client.put(file_url, content=b"x"),
        client.get(file_url[:-1] + ("A" if file_url[-1] != "A" else "B")),
        client.get("/storage/nonsense"),
    ):
        assert reply.status_code == 403
        assert reply.json()["code"] == "LINK_INVALID"


def test_links_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = Links(BlobStore.open(tmp_path.as_uri()), b"key", ttl_s=60, base_url="https://here.example")
    picture, upload = (url.rsplit("/", 1)[1] for url in (links.picture("photos/s/a.jpg"), links.upload("tmp/s/a")))
    now = time.time()
    monkeypatch.setattr(URLSafeTimedSerializer.default_signer, "get_timestamp", lambda _: int(now + 59))
    assert links.read("GET", picture) == "photos/s/a.jpg"
    monkeypatch.setattr(URLSafeTimedSerializer.default_signer, "get_timestamp", lambda _: int(now + 62))
    with pytest.raises(LinkInvalid):
        links.read("GET", picture)
    assert links.read("PUT", upload) == "tmp/s/a"
    monkeypatch.setattr(URLSafeTimedSerializer.default_signer, "get_timestamp", lambda _: int(now + UPLOAD_TTL_S + 2))
    with pytest.raises(LinkInvalid):
        links.read("PUT", upload)
    assert links.read("PUT", upload, may_be_old=True) == "tmp/s/a"


def test_an_older_client_uploads_in_one_step(client: httpx.Client) -> None:
    reply = client.post("/public/upload-image", files={"file": ("me.heic", photograph(size=(400, 600)), "image/heic")})
    assert reply.status_code == 200
    body = reply.json()
    assert (body["imageWidth"], body["imageHeight"], body["faces"]) == (400, 500, [])
    assert client.get(body["fileUrl"]).status_code == 200


def test_the_older_way_says_what_it_wants(client: httpx.Client) -> None:
    assert client.post("/public/upload-image").status_code == 400
    assert client.post("/public/upload-image", data={"file": "text"}).status_code == 400
    assert client.post("/public/upload-image", files={"picture": photograph()}).status_code == 400
    broken = client.post("/public/upload-image", content=b"junk", headers={"Content-Type": "multipart/form-data"})
    assert broken.status_code == 400
    assert broken.json()["message"]
    large = client.post("/public/upload-image", files={"file": b"x" * (11 * MEGABYTE)})
    assert large.status_code == 413
    assert "10 MB" in large.json()["message"]


@pytest.fixture(scope="module")
def limited(start_api: Callable[..., Api], products: Path) -> Api:
    shop = '[[shops]]\ndomain = "one.example"\napi_key_envs = ["KEY_ONE"]'
    own = f'mode = "api_key"\npublic_url = "https://a.b"\nproducts = "{products}"\n{shop}'
    return start_api(own, env={"KEY_ONE": "one"})


def test_the_eleventh_photograph_in_five_minutes_has_to_wait(limited: Api, redis_url: str) -> None:
    me, other = ({"x-api-key": "one", "X-Shopper-Id": str(uuid.uuid4())} for _ in range(2))
    with limited.client() as client, Redis.from_url(redis_url) as redis:
        started = redis.time()[0]
        for _ in range(5):
            assert client.post("/public/prepare-upload", headers=me).status_code == 200
            photo = {"file": photograph()}
            assert client.post("/public/upload-image", headers=me, files=photo).status_code == 200
        for path, files in (("/public/prepare-upload", None), ("/public/upload-image", {"file": photograph()})):
            refused = client.post(path, headers=me, files=files)
            assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
            assert 290 - (redis.time()[0] - started) <= int(refused.headers["retry-after"]) <= 300
        assert client.post("/public/prepare-upload", headers=other).status_code == 200
        (counted,) = [key for key in redis.scan_iter("fitting-room:uploads:*") if redis.zcard(key) == 10]
        redis.zincrby(counted, -300, redis.zrange(counted, 0, 0)[0])
        assert client.post("/public/prepare-upload", headers=me).status_code == 200, "the first is five minutes old"
        assert client.post("/public/prepare-upload", headers=me).status_code == 429, "the refused ones were not counted"


def test_open_mode_counts_no_uploads_on_its_owners_machine(client: httpx.Client) -> None:
    assert {client.post("/public/prepare-upload").status_code for _ in range(11)} == {200}


def test_shoppers_that_a_server_names_are_limited_apart(start_api: Callable[..., Api], products: Path) -> None:
    shop = 'domain = "one.example"\napi_key_envs = ["KEY_ONE"]'
    own = f'mode = "api_key"\npublic_url = "https://a.b"\nupload_limit = 1\nproducts = "{products}"\n[[shops]]\n{shop}'
    with start_api(own, env={"KEY_ONE": "one"}).client() as client:

        def status(**headers: str) -> int:
            return client.post("/public/prepare-upload", headers={"x-api-key": "one"} | headers).status_code

        assert [status(**{"X-Shopper-Id": shopper}) for shopper in ("1", "2", "1", "2")] == [200, 200, 429, 429]
        assert [status(), status()] == [200, 200], "the server sends them for whom it likes"


def test_a_deleted_photograph_is_gone_from_its_link_too(client: httpx.Client) -> None:
    photo = send(client, photograph()).json()
    assert client.delete(f"/public/image/{photo['fileId']}").status_code == 200
    assert client.get(photo["fileUrl"]).status_code == 404
    again = client.delete(f"/public/image/{photo['fileId']}")
    assert (again.status_code, again.json()["message"]) == (404, "User image not found")
    for astray in ("results/open.localhost/x.png", "..%2F..%2Fsecret", "photos/open.localhost/../../secret"):
        assert client.delete(f"/public/image/{astray}").status_code == 404


def test_a_shop_cannot_touch_another_shop_s_uploads(two_shops: Api) -> None:
    with two_shops.client() as client:
        one, two = {"x-api-key": "one"}, {"x-api-key": "two"}
        prepared = client.post("/public/prepare-upload", headers=one).json()
        url = prepared["uploadUrl"].replace("https://try-on.example", "")
        assert client.put(url, content=photograph()).status_code == 200
        body = {"uploadKey": prepared["uploadKey"]}
        assert client.post("/public/upload-complete", json=body, headers=two).status_code == 404
        photo = client.post("/public/upload-complete", json=body, headers=one).json()
        assert photo["fileUrl"].startswith("https://try-on.example/storage/")
        assert client.delete(f"/public/image/{photo['fileId']}", headers=two).status_code == 404
        assert client.delete(f"/public/image/{photo['fileId']}", headers=one).status_code == 200
        assert client.post("/public/prepare-upload").status_code == 401


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("https://one.myshopify.com", True),
        ("https://www.one.example", True),
        ("https://two.myshopify.com", False),
        ("http://one.myshopify.com", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_only_the_shop_s_own_pages_may_send(origin: str, is_let_in: bool, two_shops: Api) -> None:
    with two_shops.client() as client:
        prepared = client.post("/public/prepare-upload", headers={"x-api-key": "one"}).json()
        url = prepared["uploadUrl"].replace("https://try-on.example", "")
        asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        preflight = client.options(url, headers=asked | {"Access-Control-Request-Headers": "content-type"})
        put = client.put(url, content=photograph(), headers={"Origin": origin})
    if is_let_in:
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-methods"] == "PUT"
        assert preflight.headers["access-control-allow-headers"] == "Content-Type"
    for reply in (preflight, put):
        assert reply.headers.get("access-control-allow-origin") == (origin if is_let_in else None)
        assert (reply.status_code < 300) is is_let_in


def test_a_page_can_read_why_its_upload_was_refused(two_shops: Api) -> None:
    with two_shops.client() as client:
        prepared = client.post("/public/prepare-upload", headers={"x-api-key": "one"}).json()
        url = prepared["uploadUrl"].replace("https://try-on.example", "")
        headers = {"Origin": "https://one.myshopify.com"}
        reply = client.put(url, content=b"x" * (21 * MEGABYTE), headers=headers)
    assert reply.status_code == 413
    assert reply.headers["access-control-allow-origin"] == "https://one.myshopify.com"


def test_the_demo_lists_products_and_serves_only_their_pictures(client: httpx.Client, two_shops: Api) -> None:
    listed = client.get("/products.json").json()
    shirt = listed["products"][0]
    assert (shirt["productId"], shirt["title"]) == ("gid://shopify/Product/1", "Shirt")
    assert client.get(shirt["image"]).headers["content-type"] == "image/png"
    for hidden in ("/products/products.json", "/products/..%2Fsecret", "/static/samples", "/static/..%2Fapp.py"):
        assert client.get(hidden).status_code == 404
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]
    with two_shops.client() as other:
        assert other.get("/products.json").status_code == 404


def test_no_link_is_written_to_a_log(client: httpx.Client, api: Api) -> None:
    photo = send(client, photograph()).json()
    client.get(photo["fileUrl"])
    token = photo["fileUrl"].rsplit("/", 1)[1]
    assert token not in api.log
    assert photo["fileId"] not in api.log


LIMITED = (
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000,) * 2);"  # as on a full disk
    "from api.server import run_api; from api.settings import load_settings; run_api(load_settings())"
)


def test_where_the_disk_is_full_a_sentence_says_to_try_again_and_nothing_is_left(
    start_api: Callable[..., Api], products: Path
) -> None:
    api = start_api(f'products = "{products}"', command=LIMITED)
    large = b"\xff\xd8\xff" + bytes(3 * MEGABYTE)
    page = {"Origin": api.url}
    with api.client() as client:
        shopper = {"client_id": str(uuid.uuid4())}
        prepared = client.post("/public/prepare-upload", params=shopper).json()
        refusals = [
            client.put(prepared["uploadUrl"], content=large, headers=page),
            client.post("/public/upload-image", files={"file": ("me.jpg", large, "image/jpeg")}),
        ]
        for refusal in refusals:
            assert (refusal.status_code, refusal.json()["code"]) == (503, "UNAVAILABLE")
            assert "try again" in refusal.json()["message"]
            assert int(refusal.headers["Retry-After"]) > 0
        assert refusals[0].headers["Access-Control-Allow-Origin"] == api.url, "so the page may read it"
        assert not list((api.data / "blobs" / "tmp" / "open.localhost").glob("*")), "no folder names the shopper"
        assert client.put(prepared["uploadUrl"], content=photograph()).is_success
        done = client.post("/public/upload-complete", params=shopper, json={"uploadKey": prepared["uploadKey"]})
        assert done.status_code == 200, done.text
    assert "Traceback" not in api.log
    assert api.log.count("store failed a request") == 2
