"""Who asks, as each mode of the service wants to be told."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx

PREFIX = "/apps/fitting-room"

Flow = Generator[httpx.Request, Any, None]


@dataclass(frozen=True, slots=True)
class Browser(httpx.Auth):
    """An anonymous shopper: `client_id` is a UUID that it keeps."""

    client_id: str = field(repr=False)

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.url = request.url.copy_merge_params({"client_id": self.client_id})
        yield request


@dataclass(frozen=True, slots=True)
class ShopServer(httpx.Auth):
    """In `api_key` mode: a shop's own server, on behalf of its shopper."""

    api_key: str = field(repr=False)
    shopper_id: str = field(repr=False)

    def auth_flow(self, request: httpx.Request) -> Flow:
        if self.api_key:
            request.headers["x-api-key"] = self.api_key
        request.headers["x-shopper-id"] = self.shopper_id
        yield request


@dataclass(frozen=True, slots=True)
class AppProxy(httpx.Auth):
    """In `shopify` mode: Shopify's app proxy itself, with the app's client secret. Each request is signed anew.

    `customer_id`: of the shopper who is logged in; `query`: what else the page sends.
    """

    shop: str
    secret: str = field(repr=False)
    customer_id: str = field(default="", repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def auth_flow(self, request: httpx.Request) -> Flow:
        asked = parse_qsl(request.url.query.decode(), keep_blank_values=True)
        added = {
            "shop": self.shop,
            "logged_in_customer_id": self.customer_id,
            "path_prefix": PREFIX,
            "timestamp": str(int(time.time())),
        }
        request.url = request.url.copy_with(query=signed([*asked, *self.query, *added.items()], self.secret).encode())
        yield request


def signed(query: Iterable[tuple[str, str]], secret: str) -> str:
    """A query string of these names and values, each name once, with Shopify's `signature` of them."""
    pairs = dict(query)
    text = "".join(sorted(f"{name}={value}" for name, value in pairs.items()))  # the strings, not the names
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return urlencode(pairs | {"signature": signature}, quote_via=quote)
