"""The application as a whole: what it loads, whom it answers, how it bears outages and ends."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport

from api import error_handlers, errors
from api.server import run_api
from api.settings import InvalidSettings, load_settings
from inference.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Api

PRODUCT = "gid://shopify/Product/1001"


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path) -> Api:
    return start_api(env={"FITTING_ROOM_PRODUCTS": str(products)})


def test_importing_the_application_loads_no_torch() -> None:
    code = "import sys, api.app, api.server; print([name for name in ('torch', 'diffusers') if name in sys.modules])"
    loaded = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"products": "/nowhere"}, "Set `products` to a folder that has a products.json or a products.csv."),
        ({"storage_url": "ftp://pictures"}, "Storage is file:///absolute/folder, s3://"),
    ],
)
def test_what_it_cannot_use_ends_the_start_with_a_sentence(
    tmp_path: Path, overrides: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(sentence)):
        run_api(load_settings(data=tmp_path, **overrides))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "rebound.example:8000"},
        {"Host": "127.0.0.1.rebound.example"},
        {"Host": "[::1"},
        {"Origin": "https://rebound.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_open_mode_answers_no_other_hosts_and_no_other_sites_pages(api: Api, headers: dict[str, str]) -> None:
    reply = httpx.get(f"{api.url}/health/live", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1", "[::1]:8000"])
def test_open_mode_answers_this_machines_names(api: Api, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert httpx.get(f"{api.url}/health/live", headers=headers).status_code == 200


def test_an_unexpected_error_is_json_that_gives_nothing_away() -> None:
    app = FastAPI()
    error_handlers.install(app)

    @app.get("/")
    async def broken() -> None:
        raise RuntimeError("the database password is hunter2")

    async def ask() -> httpx.Response:
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/")

    reply = asyncio.run(ask())
    assert (reply.status_code, reply.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "hunter2" not in reply.text


def test_without_redis_credits_fail_open_and_everything_else_says_come_back(
    start_api: Callable[..., Api], products: Path, tmp_path: Path
) -> None:
    with RedisServer(tmp_path) as redis:
        api = start_api(env={"FITTING_ROOM_PRODUCTS": str(products), "REDIS_URL": redis.url})
        api.blobs.put("photos/open.localhost/me.jpg", b"a photograph")
        wanted = {"userImageId": "photos/open.localhost/me.jpg", "productId": PRODUCT}
        with api.client() as client:
            job_id = client.post("/public/fitting-room", json=wanted).json()["jobId"]
            assert job_id
    with api.client() as client:
        credits = client.get("/public/check-credits")
        assert (credits.json(), credits.headers["cache-control"]) == ({"allowed": True}, "no-store")
        blocked = client.post("/public/fitting-room", json=wanted)
        assert blocked.json() == {
            "jobId": "",
            "message": errors.Unavailable.example,
            "code": "CREATION_FAILED",
            "errorCode": "UNAVAILABLE",
            "retryAfter": 5,
        }
        assert blocked.headers["retry-after"] == "5"
        for path in (f"/public/generation/{job_id}", f"/public/generation/{job_id}/events", "/health/ready"):
            reply = client.get(path)
            assert (reply.status_code, reply.json()["code"]) == (503, "UNAVAILABLE")
        assert client.get("/health/live").status_code == 200
    with RedisServer(tmp_path), api.client() as client:
        assert client.get(f"/public/generation/{job_id}").json()["status"] == "PENDING", "nothing was lost"


def test_a_full_queue_refuses_with_a_time_to_come_back_and_takes_nothing(
    start_api: Callable[..., Api], products: Path, tmp_path: Path
) -> None:
    with RedisServer(tmp_path) as redis:
        env = {"FITTING_ROOM_PRODUCTS": str(products), "REDIS_URL": redis.url}
        api = start_api('max_queue_length = 1\nweekly_limit = 2\nblocked_status = "strict"', env=env)
        api.blobs.put("photos/open.localhost/me.jpg", b"a photograph")
        wanted = {"userImageId": "photos/open.localhost/me.jpg", "productId": PRODUCT}
        with api.client() as client:
            job_id = client.post("/public/fitting-room", json=wanted).json()["jobId"]
            for _ in range(3):
                full = client.post("/public/fitting-room", json=wanted)
                assert (full.status_code, full.json()["code"]) == (503, "CREATION_FAILED")
                assert full.json()["errorCode"] == "QUEUE_FULL"
                assert int(full.headers["retry-after"]) == full.json()["retryAfter"] > 0
            client.delete(f"/public/generation/{job_id}")
            assert client.post("/public/fitting-room", json=wanted).json()["jobId"], "the refused ones took nothing"


@pytest.mark.parametrize("path", ["/health/live", "/", "/products.json", "/products/shirt.png", "/openapi.json", "/x"])
def test_head_answers_as_get_does_without_the_body(api: Api, path: str) -> None:
    with api.client() as client:
        head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == get.headers[name]


def test_head_ends_where_get_would_stream_and_is_refused_where_there_is_no_get(api: Api) -> None:
    api.blobs.put("photos/open.localhost/me.jpg", b"a photograph")
    wanted = {"userImageId": "photos/open.localhost/me.jpg", "productId": PRODUCT}
    with api.client() as client:
        job_id = client.post("/public/fitting-room", json=wanted).json()["jobId"]
        head = client.head(f"/public/generation/{job_id}/events")
        assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert client.head("/public/fitting-room").status_code == 405
        assert client.delete("/health/live").headers["allow"] == "GET, HEAD"
        time.sleep(0.5)  # the log's line comes when the stream has ended
    assert "HEAD /public/generation/{generation_id}/events 200" in api.log
    assert "Traceback" not in api.log


def test_sigterm_ends_the_process_and_its_open_event_streams_at_once(
    start_api: Callable[..., Api], products: Path
) -> None:
    api = start_api(env={"FITTING_ROOM_PRODUCTS": str(products)})
    api.blobs.put("photos/open.localhost/me.jpg", b"a photograph")
    wanted = {"userImageId": "photos/open.localhost/me.jpg", "productId": PRODUCT}
    with api.client() as client:
        job_id = client.post("/public/fitting-room", json=wanted).json()["jobId"]
        with client.stream("GET", f"/public/generation/{job_id}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: generation"
            api.process.send_signal(signal.SIGTERM)
            assert not any(line.startswith("event:") for line in lines)
        assert api.process.wait(5) == -signal.SIGTERM
    assert "Traceback" not in api.log
