"""A running service of shops that Shopify's app proxy signs for; its workers' model is a sleep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from app_proxy import AppProxy as Proxy

from scripts.bench.live import box
from scripts.bench.live.stack import Stack, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOP, USED_UP, SECRET = "demo-shop.myshopify.com", "used-up.myshopify.com", "hush"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With the products that ship."""
    port = free_port()
    shop = {"domain": SHOP, "app_secret_envs": ["CLIENT_SECRET"]}
    settings = {
        "mode": "shopify",
        "card": "paperdoll",
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "shops": [shop, shop | {"domain": USED_UP, "weekly_limit": 0}],
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLIENT_SECRET", SECRET)
        with Stack(tmp_path_factory.mktemp("client"), settings) as stack:
            stack.add_box(box.argv(0.2, 1), 1)
            stack.wait_for_workers(1, 120)
            yield stack


@pytest.fixture(scope="session")
def storefront(stack: Stack) -> Iterator[Proxy]:
    """Of `SHOP`."""
    with Proxy(SHOP, SECRET, stack.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def used_up(stack: Stack) -> Iterator[Proxy]:
    """Whose shoppers have had all that a week has."""
    with Proxy(USED_UP, SECRET, stack.url) as proxy:
        yield proxy
