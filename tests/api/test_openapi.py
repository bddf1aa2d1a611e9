"""The description at /openapi.json is true: schemathesis tries it, and its examples are valid."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema_rs
import pytest
from PIL import Image
from redis import Redis

from api.contract import PHOTO_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.conftest import Api

KEY = "key-of-the-only-shop"
NUM_EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "30"))  # an operation


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], redis_url: str, products: Path) -> Api:
    """An API whose documented examples exist: the photograph, the product, and a worker that is ready."""
    api = start_api("weekly_limit = 1000000", env={"FITTING_ROOM_PRODUCTS": str(products)})
    return furnished(api, redis_url)


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, Any]:
    return dict(httpx.get(f"{api.url}/openapi.json").json())


@pytest.fixture(scope="module")
def shops(start_api: Callable[..., Api], redis_url: str, products: Path) -> Api:
    """An API of `api_key` mode, with one shop whose photograph exists."""
    settings = 'public_url = "https://try.example"\nweekly_limit = 1000000\nupload_limit = 1000000\nmode = "api_key"'
    shop = '\n[[shops]]\ndomain = "open.localhost"\napi_key_envs = ["THE_KEY"]'
    env = {"FITTING_ROOM_PRODUCTS": str(products), "THE_KEY": KEY}
    return furnished(start_api(settings + shop, env=env), redis_url)


def furnished(api: Api, redis_url: str) -> Api:
    api.blobs.put(PHOTO_ID, jpeg())
    with Redis.from_url(redis_url) as client:
        client.zadd("fitting-room:ready", {"worker": time.time() + 3600})
        client.hset("rq:worker:worker", "queues", "paperdoll")
    return api


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (160, 200), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


def try_operations(api: Api, folder: Path, known: dict[str, dict[str, str]], *extra: str) -> None:
    """Run schemathesis on every operation, or on the paths of `known` with their parameters set to what exists."""
    config = folder / "schemathesis.toml"
    lines: list[str] = []
    for path in (
        "/public/upload-image",
        "/public/fitting-room",
        "/public/collect-email",
    ):  # what a picture shows, a key meant and an address is, no schema says
        lines += ["[[operations]]", f'include-path = "{path}"', "checks.positive_data_acceptance.enabled = false"]
    for operation, parameters in known.items():
        values = ", ".join(f'{name} = "{value}"' for name, value in parameters.items())
        lines += ["[[operations]]", f'include-name = "{operation}"', f"parameters = {{ {values} }}"]
    config.write_text("\n".join(lines))
    only = sorted({f"--include-path={operation.split()[1]}" for operation in known})
    run = subprocess.run(
        (
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run", f"{api.url}/openapi.json"),
            *("--generation-deterministic", f"--max-examples={NUM_EXAMPLES}"),
            *("--suppress-health-check=all", "--no-color", "--request-timeout=20", *only, *extra),
            "--exclude-checks=use_after_free",  # DELETE cancels a generation; its record stays
        ),
        capture_output=True,
        text=True,
        timeout=110,
        cwd=folder,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]


def test_no_request_gets_a_500_or_an_undocumented_reply(api: Api, tmp_path: Path) -> None:
    try_operations(api, tmp_path, {})


def test_nor_does_one_about_something_that_exists(api: Api, tmp_path: Path) -> None:
    with api.client() as client:
        upload = client.post("/public/prepare-upload").json()["uploadUrl"]
        photo = client.post("/public/upload-image", files={"file": jpeg()}).json()
        wanted = {"userImageId": photo["fileId"], "productId": "gid://shopify/Product/1001"}
        job_id = client.post("/public/fitting-room", json=wanted).json()["jobId"]
        client.delete(f"/public/generation/{job_id}")  # so that its events end
    put, get = ({"token": url.rsplit("/", 1)[1]} for url in (upload, photo["fileUrl"]))
    generation = "/public/generation/{generation_id}"
    try_operations(
        api,
        tmp_path,
        {"PUT /storage/{token}": put, "OPTIONS /storage/{token}": put, "GET /storage/{token}": get}
        | {name: {"generation_id": job_id} for name in (f"GET {generation}", f"DELETE {generation}")}
        | {f"GET {generation}/events": {"generation_id": job_id}, "GET /products/{image}": {"image": "shirt.png"}},
    )


@pytest.mark.parametrize("headers", [{"x-api-key": KEY, "x-shopper-id": "7"}, {}], ids=["with a key", "without"])
def test_nor_does_one_of_a_shop_s_server(shops: Api, tmp_path: Path, headers: dict[str, str]) -> None:
    named = [f"--header={name}: {value}" for name, value in headers.items()]
    try_operations(shops, tmp_path, {}, f"--max-examples={min(NUM_EXAMPLES, 10)}", *named)


def test_without_a_key_everything_but_health_and_signed_links_is_a_documented_401(shops: Api) -> None:
    with shops.client() as client:
        document = client.get("/openapi.json").json()
        for path, operations in document["paths"].items():
            for method in operations if path.startswith("/public/") else ():
                assert client.request(method, path.replace("{", "").replace("}", "")).status_code == 401, path
                assert "401" in operations[method]["responses"], (method, path)


def test_the_frameworks_own_validation_reply_is_not_promised(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(document)


def test_every_operation_and_reply_is_described(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            for status, reply in operation["responses"].items():
                assert reply["description"], (method, path, status)


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every (schema, example) below `node`."""
    if isinstance(node, list):
        for child in node:
            yield from examples(child)
    if not isinstance(node, dict):
        return
    for child in node.values():
        yield from examples(child)
    if "type" in node or "$ref" in node:
        yield from ((node, node[name]) for name in ("example",) if name in node)
    if "schema" in node:
        yield from ((node["schema"], example["value"]) for example in node.get("examples", {}).values())


def test_every_example_is_valid(document: dict[str, Any]) -> None:
    found = list(examples(document))
    assert len(found) > 20
    for described, example in found:
        whole = {"components": document["components"], **described}
        jsonschema_rs.validator_for(whole).validate(example)
