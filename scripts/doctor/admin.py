"""What Shopify's API tells of the app: its token, its scopes, its webhooks, the theme."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from api.settings import Settings
from api.shops import ShopSettings
from api.sources.apis import shop_api
from api.sources.customers import SCOPES as OF_CUSTOMERS
from api.sources.errors import AccessDenied, ShopifyError
from api.sources.graphql import ShopApi
from api.sources.queries import ADMIN, STOREFRONT, VERSION
from scripts.doctor import webhooks
from scripts.doctor.finding import Finding

SHOP = "shop { name primaryDomain { host } } publicApiVersions { handle supported }"
OF_STOREFRONT = f"query Doctor {{ {SHOP} }}"
OF_ADMIN = f"""query Doctor {{
  {SHOP}
  currentAppInstallation {{ accessScopes {{ handle }} }}
  webhookSubscriptions(first: 50) {{ nodes {{ topic uri }} }}
}}"""
OF_THEME = """query Theme($files: [String!]) {
  themes(first: 1, roles: [MAIN]) {
    nodes {
      name
      files(filenames: $files, first: 20) {
        nodes { filename body { ... on OnlineStoreThemeFileBodyText { content } } }
      }
    }
  }
}"""
TEMPLATES = ["templates/product*.json"]
BLOCK = re.compile(r"shopify://apps/[^\"]*/blocks/try-on/")
EDITOR = "Open Online Store > Themes > Customize, a product page, and see that the block Try-on button is there."


@dataclass(frozen=True, slots=True)
class Seen:
    """`domains`: at which customers know the shop, as far as it is told."""

    domains: tuple[str, ...] = ()


NOTHING = Seen()


async def findings(http: httpx.AsyncClient, settings: Settings, shop: ShopSettings) -> AsyncIterator[Finding | Seen]:
    """Of the API that tells the products, and of the Admin API where there is a token for it."""
    if settings.product_source == "storefront":
        async for part in _storefront(shop_api(http, shop, STOREFRONT)):
            yield part
    if settings.reaches_admin(shop):
        async for part in _admin(shop_api(http, shop, ADMIN), settings, shop):
            yield part
        return
    look = (
        "Give the shop a shopify_client_id if e-mail addresses are to be kept (POST /public/collect-email): without a "
        "token of the Admin API they are not."
    )
    yield Finding("Admin API", "no token", look=look)
    for finding in webhooks.findings(settings, shop, []):
        yield finding
    yield Finding("theme block", "not to be seen from here", look=EDITOR)


async def _storefront(api: ShopApi) -> AsyncIterator[Finding | Seen]:
    try:
        told = await api.ask(OF_STOREFRONT, {})
    except ShopifyError as error:
        yield Finding("Storefront API", "refused", str(error))
        return
    yield Finding("Storefront API", f"answers for {told['shop']['name']}")
    yield _version(told)
    yield Seen((told["shop"]["primaryDomain"]["host"],))


async def _admin(api: ShopApi, settings: Settings, shop: ShopSettings) -> AsyncIterator[Finding | Seen]:
    try:
        told = await api.ask(OF_ADMIN, {})
    except ShopifyError as error:
        yield Finding("Admin API", "refused", str(error))
        return
    yield Finding("Admin API", f"answers for {told['shop']['name']}")
    if settings.product_source != "storefront":
        yield _version(told)
    scopes = {one["handle"] for one in told["currentAppInstallation"]["accessScopes"]}
    for finding in _scopes(scopes, settings):
        yield finding
    for finding in webhooks.findings(settings, shop, told["webhookSubscriptions"]["nodes"]):
        yield finding
    yield await _theme(api)
    yield Seen((told["shop"]["primaryDomain"]["host"],))


def _version(told: dict[str, Any]) -> Finding:
    supported = {one["handle"] for one in told["publicApiVersions"] if one["supported"]}
    if VERSION in supported:
        return Finding("API version", f"{VERSION}, supported")
    fix = f"Update Fitting Room: it speaks {VERSION}, and Shopify supports {', '.join(sorted(supported)) or 'others'}."
    return Finding("API version", f"{VERSION}, no longer supported", fix)


def _scopes(scopes: set[str], settings: Settings) -> Iterator[Finding]:
    wanted = {"write_app_proxy": "the app proxy"}
    if settings.product_source == "admin":
        wanted["read_products"] = "products"
    granted = {*scopes, *(name.replace("write_", "read_") for name in scopes)}  # to write is to read
    if missing := [f"{name} (for {use})" for name, use in wanted.items() if name not in granted]:
        fix = f"Give the app the scope {', '.join(missing)}, release that version, and accept it in the shop."
        yield Finding("scopes", ", ".join(sorted(scopes)) or "none", fix)
    else:
        yield Finding("scopes", ", ".join(sorted(scopes)))
    if missing := [name for name in OF_CUSTOMERS if name not in granted]:
        look = f"Give the app {' and '.join(missing)} if e-mail addresses are to be kept: without them they are lost."
        yield Finding("e-mail addresses", "not kept", look=look)
    else:
        yield Finding("e-mail addresses", "become customers")


async def _theme(api: ShopApi) -> Finding:
    try:
        themes = (await api.ask(OF_THEME, {"files": TEMPLATES}))["themes"]["nodes"]
    except AccessDenied:
        return Finding("theme block", "not to be seen without the scope read_themes", look=EDITOR)
    except ShopifyError as error:
        return Finding("theme block", str(error), look=EDITOR)
    for theme in themes:
        for file in theme["files"]["nodes"]:
            if BLOCK.search(file["body"].get("content") or ""):
                return Finding("theme block", f"in {file['filename']} of {theme['name']}")
    names = ", ".join(theme["name"] for theme in themes) or "no published theme"
    return Finding("theme block", f"not in a product template of {names}", f"Add it. {EDITOR}")
