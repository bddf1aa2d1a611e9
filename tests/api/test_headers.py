"""Every reply tells browsers how far to trust it, errors too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport

from api import error_handlers
from api.headers import ALWAYS, SecurityHeaders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Api

SHOP = """
mode = "api_key"
public_url = "https://try.example"
[[shops]]
domain = "a.example"
api_key_envs = ["A_KEY"]
"""


@pytest.fixture(scope="module")
def open_api(start_api: Callable[..., Api], products: Path) -> Api:
    return start_api(env={"FITTING_ROOM_PRODUCTS": str(products)})


@pytest.fixture(scope="module")
def shops(start_api: Callable[..., Api], products: Path) -> Api:
    return start_api(SHOP, env={"A_KEY": "a", "FITTING_ROOM_PRODUCTS": str(products)})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health/live", 200),
        ("/nowhere", 404),
        ("/storage/x", 403),
        ("/openapi.json", 200),
        ("/products.json", 200),
        ("/public/generation/x", 404),
        ("/static/page.js", 200),
        ("/static-offline-docs/swagger-ui.css", 200),
    ],
)
def test_every_reply_may_be_framed_and_sniffed_by_nobody_and_runs_nothing(
    open_api: Api, path: str, status: int
) -> None:
    reply = httpx.get(open_api.url + path)
    assert reply.status_code == status
    assert ALWAYS.items() <= {name.title(): value for name, value in reply.headers.items()}.items()
    assert "strict-transport-security" not in reply.headers, "this address is http"


def test_a_refused_host_gets_them_too(open_api: Api) -> None:
    reply = httpx.get(f"{open_api.url}/", headers={"Host": "rebound.example"})
    assert (reply.status_code, reply.headers["x-content-type-options"]) == (403, "nosniff")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_runs_its_own_scripts_and_none_written_into_it(open_api: Api, path: str) -> None:
    reply = httpx.get(open_api.url + path)
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert "unsafe" not in str(policy)
    assert re.fullmatch(r"'self'( 'sha256-[\w+/=]{44}')?", policy["script-src"])
    assert reply.headers["referrer-policy"] == "no-referrer"
    camera = "self" if path == "/" else ""
    assert f"camera=({camera})" in reply.headers["permissions-policy"]


def test_the_page_holds_no_script_and_no_style(open_api: Api) -> None:
    page = httpx.get(open_api.url).text
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", page)


def test_behind_https_browsers_are_told_to_stay_there(shops: Api) -> None:
    for path in ("/health/live", "/public/check-credits", "/docs"):
        assert httpx.get(shops.url + path).headers["strict-transport-security"] == "max-age=31536000"


async def test_an_unexpected_error_has_them_as_well() -> None:
    app = FastAPI()
    error_handlers.install(app)
    app.add_middleware(SecurityHeaders, https=False)

    @app.get("/")
    async def broken() -> None:
        raise RuntimeError

    transport = ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        reply = await client.get("/")
    assert reply.status_code == 500
    assert ALWAYS.items() <= {name.title(): value for name, value in reply.headers.items()}.items()
