"""Products whose pictures are at URLs: fetched once, when first wanted, and kept."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from picture_server import OUTSIDE, Server, fetcher, picture, reply, serving
from PIL import Image

from api import remote_pictures
from api.fetching import Fetcher, FetchError
from api.products import Products, ProductsError
from inference.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.api.conftest import Api

SHIRT = "gid://shopify/Product/1"
RED = "gid://shopify/ProductVariant/11"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(OUTSIDE) as server:
        server.pages |= {"/shirt.png": reply(picture()), "/red.png": reply(picture("JPEG"))}
        yield server


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


def folder_with(folder: Path, image: str, variant_image: str | None = None) -> Path:
    variants = [{"variantId": RED, "title": "Red", "image": variant_image}] if variant_image else []
    shirt = {"productId": SHIRT, "title": "Shirt", "image": image, "category": "upper", "variants": variants}
    (folder / "products.json").write_text(json.dumps({"products": [shirt]}))
    return folder


@pytest.fixture
def products(server: Server, blobs: BlobStore, tmp_path: Path) -> Products:
    base = f"http://cdn.example:{server.port}"
    folder = folder_with(tmp_path, f"{base}/shirt.png", f"{base}/red.png")
    return Products.open(folder, blobs, fetcher=fetcher(server))


async def test_a_picture_is_fetched_when_it_is_first_wanted_and_once_for_all(
    products: Products, server: Server, blobs: BlobStore
) -> None:
    assert server.asked == []
    found = await asyncio.gather(*(products.find(SHIRT, None) for _ in range(20)))
    assert server.asked == ["/shirt.png"]
    assert found[0]
    assert set(found) == {found[0]}
    with Image.open(io.BytesIO(blobs.get(found[0].garment_key))) as kept:
        assert (kept.format, kept.size) == ("PNG", (160, 200))
    red = await products.find(SHIRT, RED)
    assert red
    assert red.garment_key != found[0].garment_key


async def test_a_picture_that_cannot_be_had_is_not_asked_for_again_at_once(
    products: Products, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/shirt.png"] = reply(b"", "503 Away")
    for _ in range(3):
        with pytest.raises(FetchError, match="answered 503"):
            await products.find(SHIRT, None)
    assert len(server.asked) == 1
    monkeypatch.setattr(remote_pictures, "RETRY_S", 0)
    server.pages["/red.png"] = reply(b"", "503 Away")
    with pytest.raises(FetchError):
        await products.find(SHIRT, RED)
    server.pages["/red.png"] = reply(picture())
    assert await products.find(SHIRT, RED), "its server is back"


async def test_a_picture_that_was_had_outlives_its_servers_troubles_and_a_new_one_replaces_it(
    products: Products, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_pictures, "FRESH_S", 0)
    monkeypatch.setattr(remote_pictures, "RETRY_S", 0)
    first = await products.find(SHIRT, None)
    server.pages["/shirt.png"] = reply(b"<html>sorry</html>")
    assert await products.find(SHIRT, None) == first
    server.pages["/shirt.png"] = reply(picture("WEBP"))
    assert await products.find(SHIRT, None) != first
    assert len(server.asked) == 3


async def test_a_picture_that_is_unusable_says_why(products: Products, server: Server) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20)).save(buffer, "PNG")
    server.pages["/shirt.png"] = reply(buffer.getvalue())
    with pytest.raises(FetchError, match="only 20 x 20 pixels"):
        await products.find(SHIRT, None)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("http://cdn.example/shirt.png", "Shirt: the picture .* must begin with https"),
        ("https://other.example/shirt.png", "name it in image_hosts"),
        ("file:///etc/passwd", "must begin with https"),
        ("//cdn.example/shirt.png", "lies outside the folder"),
    ],
)
def test_a_url_that_would_not_be_asked_is_told_at_the_start(
    tmp_path: Path, blobs: BlobStore, image: str, sentence: str
) -> None:
    with pytest.raises(ProductsError, match=sentence):
        Products.open(folder_with(tmp_path, image), blobs, fetcher=Fetcher(frozenset({"cdn.example"})))


def test_a_running_service_never_asks_its_own_machine(start_api: Callable[..., Api], tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "https://localhost/shirt.png")
    api = start_api('image_hosts = ["LOCALHOST"]', env={"FITTING_ROOM_PRODUCTS": str(folder)})
    api.blobs.put("photos/open.localhost/me.jpg", b"a photograph")
    wanted = {"userImageId": "photos/open.localhost/me.jpg", "productId": SHIRT}
    refused = httpx.post(f"{api.url}/public/fitting-room", json=wanted)
    assert refused.status_code == 200
    assert (refused.json()["jobId"], refused.json()["code"]) == ("", "CREATION_FAILED")
    assert "picture cannot be fetched" in refused.json()["message"]
    assert refused.headers["retry-after"] == "60"
    assert "localhost cannot be had: localhost has an address that pictures may not come from" in api.log
    listed = httpx.get(f"{api.url}/products.json").json()["products"]
    assert [product["image"] for product in listed] == ["https://localhost/shirt.png"]
