"""The published browser flow, step for step, on a storefront's page of another origin than the service's.

Its page looks at no HTTP status and reads every reply as JSON, so each refusal must be one with the named fields.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from app_proxy import AppProxy
from PIL import Image
from playwright.sync_api import expect

from scripts.bench.live.stack import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Page

    from tests.browser.conftest import Shop

pytestmark = pytest.mark.browser

PAGES = {
    "/products/shirt": Path(__file__).with_name("pages") / "published_flow.html",
    "/try-on.mjs": Path(__file__).parents[2] / "examples" / "javascript" / "try-on.mjs",
}
EXAMPLE = """async bytes => {
    const { tryOn } = await import('/try-on.mjs')
    const photo = new File([Uint8Array.from(bytes)], 'me.jpg')
    const [product, variant] = ['gid://shopify/Product/1', 'gid://shopify/ProductVariant/12']
    return (await tryOn({ service: '/apps/fitting-room', photo, product, variant })).resultImageUrl
}"""
APP_SECRET = "hush"
BLUE = (65, 105, 225)
SHOPS: dict[str, dict[str, Any]] = {
    "open.myshopify.com": {},
    "used-up.myshopify.com": {"weekly_limit": 0},
    "ended.myshopify.com": {"plan_expires": "2026-01-01T00:00:00Z"},
}
STEPS = [
    "GET /public/check-credits 200",
    "POST /public/prepare-upload 200",
    "POST /public/upload-complete 200",
    "POST /public/fitting-room 200",
]


@pytest.fixture(scope="module")
def storefronts(open_shop: Callable[..., Shop]) -> Iterator[dict[str, AppProxy]]:
    """Of each of `SHOPS`, by its domain: all are shops of one running service."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("APP_SECRET", APP_SECRET)
        proxies = {domain: stack.enter_context(AppProxy(domain, APP_SECRET, pages=PAGES)) for domain in SHOPS}
        shops = [
            {"domain": domain, "app_secret_envs": ["APP_SECRET"], "origins": [proxies[domain].origin]} | special
            for domain, special in SHOPS.items()
        ]
        port = str(free_port())
        url = f"http://127.0.0.1:{port}"
        open_shop(mode="shopify", public_url=url, port=port, shops=json.dumps(shops))
        for proxy in proxies.values():
            proxy.service = url
        yield proxies


@pytest.fixture
def storefront(storefronts: dict[str, AppProxy]) -> AppProxy:
    found = storefronts["open.myshopify.com"]
    found.asked.clear()
    return found


def went_through(page: Page, storefront: AppProxy, query: str, photograph: bytes) -> Page:
    """The page after the flow has ended, however it ended."""
    page.goto(f"{storefront.origin}/products/shirt?{query}")
    page.get_by_label("Your photograph").set_input_files([{"name": "me", "mimeType": "", "buffer": photograph}])
    page.get_by_role("button", name="Try it on").click()
    expect(page.get_by_role("status")).not_to_be_empty(timeout=60_000)
    return page


def chest_is_blue(page: Page, url: str) -> bool:
    with Image.open(io.BytesIO(page.request.get(url).body())) as shown:
        pixels = np.asarray(shown.convert("RGB")).astype(np.int64)
    return bool(np.abs(pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] - BLUE).max() < 12)


def photograph() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (800, 1000), "seagreen").save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_shopper_is_dressed_in_the_variant_by_exactly_the_published_requests(
    context: BrowserContext, storefront: AppProxy
) -> None:
    page = went_through(context.new_page(), storefront, "product=1&variant=12", photograph())
    status = page.get_by_role("status")
    expect(status).to_have_text("Done")
    expect(status).to_have_attribute("data-key", re.compile(r"."))
    assert storefront.asked[:4] == STEPS
    polls = storefront.asked[4:]
    assert 1 <= len(polls) <= 60
    assert all(re.fullmatch(r"GET /public/generation/gen_[0-9a-f]{32} 200", poll) for poll in polls)
    result = page.locator("#result")
    expect(result).to_have_js_property("complete", True)
    assert chest_is_blue(page, result.get_attribute("src") or "")


def test_the_example_in_javascript_does_it_too(context: BrowserContext, storefront: AppProxy) -> None:
    page = context.new_page()
    page.goto(f"{storefront.origin}/products/shirt")
    assert chest_is_blue(page, page.evaluate(EXAMPLE, list(photograph())))
    assert storefront.asked[:4] == STEPS


def test_a_generation_that_fails_says_why(context: BrowserContext, storefront: AppProxy) -> None:
    page = went_through(context.new_page(), storefront, "product=2", photograph())
    expect(page.get_by_role("status")).to_have_text("This garment cannot be tried on. Please choose another.")


def test_a_photograph_that_cannot_be_used_is_said_in_the_message(context: BrowserContext, storefront: AppProxy) -> None:
    page = went_through(context.new_page(), storefront, "product=1", b"GIF89a")
    expect(page.get_by_role("status")).to_contain_text("This file is a GIF.")
    assert storefront.asked[-1] == "POST /public/upload-complete 400"


@pytest.mark.parametrize(
    ("domain", "code", "sentence"),
    [
        ("used-up.myshopify.com", "RATE_LIMIT_EXCEEDED", "This week's try-ons are used up."),
        ("ended.myshopify.com", "", "No try-ons are left."),
    ],
)
def test_a_blocked_shopper_is_told_by_code_and_message(
    context: BrowserContext, storefronts: dict[str, AppProxy], domain: str, code: str, sentence: str
) -> None:
    page = went_through(context.new_page(), storefronts[domain], "product=1", photograph())
    expect(page.get_by_role("status")).to_contain_text(sentence)
    expect(page.get_by_role("status")).to_have_attribute("data-code", code)


def test_from_a_page_of_another_origin_the_browser_does_not_send_the_photograph(
    context: BrowserContext, storefront: AppProxy
) -> None:
    """So that the others' photographs did arrive by the service's leave."""
    page = context.new_page()
    page.goto(f"{storefront.origin.replace('localhost', '127.0.0.1')}/products/shirt?product=1")
    page.get_by_label("Your photograph").set_input_files([{"name": "me", "mimeType": "", "buffer": photograph()}])
    with page.expect_event("pageerror") as refused:
        page.get_by_role("button", name="Try it on").click()
    assert "Failed to fetch" in str(refused.value)
    assert storefront.asked == STEPS[:2]
