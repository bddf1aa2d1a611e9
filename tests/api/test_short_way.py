"""The short way answers as the routes do, to the byte, and leaves to them whatever is odd."""

from __future__ import annotations

import json
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.head import HeadAsGet
from api.settings import Settings
from inference.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

PHOTO = "photos/a.example/me.jpg"
PLAIN = {"userImageId": PHOTO, "productId": "gid://shopify/Product/1001"}
SUBMIT = "/public/fitting-room"
KNOWN = {"x-api-key": "key-of-a", "x-shopper-id": "7"}
ID = re.compile(r"gen_[0-9a-f]{32}")


class Both:
    """The same application twice over one Redis: as it is, and without the short way."""

    def __init__(self, short: httpx.AsyncClient, long: httpx.AsyncClient) -> None:
        self.short, self.long = short, long

    async def told(self, method: str, url: str, **parts: Any) -> httpx.Response:
        """The reply of both, which must be alike but for ids that are new each time."""
        replies = [await client.request(method, url, **parts) for client in (self.short, self.long)]
        for reply in replies:
            assert reply.headers.pop("x-request-id")
        seen = [(reply.status_code, sorted(reply.headers.items()), ID.sub("gen_", reply.text)) for reply in replies]
        assert seen[0] == seen[1]
        return replies[0]


async def _client(stack: AsyncExitStack, app: FastAPI) -> httpx.AsyncClient:
    await stack.enter_async_context(app.router.lifespan_context(app))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1"))


@pytest_asyncio.fixture
async def both(
    empty_redis_url: str, tmp_path: Path, products: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Both]:
    monkeypatch.setenv("KEY_A", "key-of-a")
    monkeypatch.setenv("KEY_B", "key-of-b")
    shops = [{"domain": f"{name}.example", "api_key_envs": [f"KEY_{name.upper()}"]} for name in "ab"]
    chosen = Settings(
        mode="api_key", public_url="https://try.example", redis_url=empty_redis_url, data=tmp_path, products=products,
        shops=shops, weekly_limit=1_000_000,
    )  # fmt: skip
    BlobStore.open(chosen.storage_url).put(PHOTO, b"a photograph")
    async with AsyncExitStack() as stack:
        short = await _client(stack, create_app(chosen))
        monkeypatch.setattr("api.app.ShortWay", HeadAsGet)  # which is there already, and changes nothing twice
        yield Both(short, await _client(stack, create_app(chosen)))


class Refusing:
    """An application that nothing should reach."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("This went to the framework.")


def _without_framework(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    layer: Any = app.middleware_stack  # type: ignore[attr-defined]
    while type(layer).__name__ != "ShortWay":
        layer = layer._app if hasattr(layer, "_app") else layer.app
    monkeypatch.setattr(layer, "_app", Refusing())


async def test_plain_requests_never_reach_the_framework(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    await both.short.get("/health/live")  # the middleware is put together at the first request
    _without_framework(both.short._transport.app, monkeypatch)  # type: ignore[attr-defined]
    created = await both.short.post(SUBMIT, json=PLAIN, headers=KNOWN)
    assert created.status_code == 200
    polled = await both.short.get(f"/public/generation/{created.json()['jobId']}", headers=KNOWN)
    assert polled.json()["status"] == "PENDING"


async def test_a_submission_is_answered_alike(both: Both) -> None:
    assert (await both.told("POST", SUBMIT, json=PLAIN, headers=KNOWN)).json()["jobId"]


async def test_the_state_is_told_alike(both: Both) -> None:
    created = (await both.short.post(SUBMIT, json=PLAIN, headers=KNOWN)).json()["jobId"]
    for method in ("GET", "HEAD", "DELETE", "GET", "PATCH"):
        await both.told(method, f"/public/generation/{created}", headers=KNOWN)
    refused = [
        await both.told("GET", f"/public/generation/{created}", headers=KNOWN | {"x-api-key": "key-of-b"}),
        await both.told("GET", f"/public/generation/{created}"),
        await both.told("GET", "/public/generation/gen_unknown", headers=KNOWN),
        await both.told("GET", "/public/generation/..%2f..", headers=KNOWN),
    ]
    assert [reply.status_code for reply in refused] == [404, 401, 404, 404]


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (401, {"json": PLAIN}),
        (401, {"json": PLAIN, "headers": KNOWN | {"x-api-key": "wrong"}}),
        (400, {"json": PLAIN, "headers": {"x-api-key": "key-of-a"}}),
        (400, {"json": PLAIN, "headers": KNOWN | {"Idempotency-Key": "has space"}}),
        (400, {"json": PLAIN, "headers": KNOWN, "params": {"client_id": "nobody"}}),
        (200, {"json": PLAIN, "headers": KNOWN, "params": {"client_id": "d6d4b0c4-6f0a-4f43-8f4b-0d9f0a6f3f5e"}}),
        (404, {"json": PLAIN | {"userImageId": "photos/a.example/gone.jpg"}, "headers": KNOWN}),
        (404, {"json": PLAIN | {"userImageId": "photos/b.example/me.jpg"}, "headers": KNOWN}),
        (404, {"json": PLAIN | {"productId": "gid://shopify/Product/9"}, "headers": KNOWN}),
        (400, {"json": PLAIN | {"strict": True, "approximations": {}}, "headers": KNOWN}),
        (400, {"content": b"{", "headers": KNOWN | {"content-type": "application/json"}}),
        (400, {"content": json.dumps(PLAIN).encode(), "headers": KNOWN | {"content-type": "text/plain"}}),
        (200, {"content": json.dumps(PLAIN).encode(), "headers": KNOWN | {"content-type": "application/vnd.a+json"}}),
        (413, {"content": b" " * 70_000, "headers": KNOWN | {"content-type": "application/json"}}),
    ],
)
async def test_what_is_odd_is_answered_alike(both: Both, status: int, parts: dict[str, Any]) -> None:
    assert (await both.told("POST", SUBMIT, **parts)).status_code == status


async def test_a_repeated_key_answers_the_same_job_either_way(both: Both) -> None:
    again = {"headers": KNOWN | {"Idempotency-Key": "once"}}
    jobs = {(await client.post(SUBMIT, json=PLAIN, **again)).json()["jobId"] for client in (both.short, both.long)}
    assert len(jobs) == 1
    assert (await both.told("POST", SUBMIT, json=PLAIN | {"category": "lower"}, **again)).status_code == 422


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
fields = ("userImageId", "productId", "variantId", "category", "maskImageId", "strict", "approximations")
steps = st.fixed_dictionaries({}, optional={"numInferenceSteps": anything, "guidanceInterval": anything})
bodies = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, anything) | {"approximations": steps | anything})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies.map(lambda odd: PLAIN | odd))
async def test_any_body_is_answered_alike(both: Both, body: dict[str, Any]) -> None:
    sent = {"content": json.dumps(body), "headers": KNOWN | {"content-type": "application/json"}}
    await both.told("POST", SUBMIT, **sent)
