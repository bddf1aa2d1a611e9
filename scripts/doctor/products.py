"""Is there a product with a picture that can be had, and a place where it is worn?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from api.fetching import Fetcher, FetchError
from api.products import ProductsError, category_in, read_list
from api.settings import Settings
from api.shops import ShopSettings
from api.sources.apis import DIALECTS, shop_api
from api.sources.errors import ShopifyError
from scripts.doctor.finding import Finding

WHAT = "products"
CHECK = "fitting-room products check shows each that is to be mended"


async def findings(
    http: httpx.AsyncClient, settings: Settings, shop: ShopSettings, fetcher: Fetcher
) -> AsyncIterator[Finding]:
    if settings.product_source == "folder":
        yield await asyncio.to_thread(_folder, settings)
        return
    dialect = DIALECTS[settings.product_source]
    try:
        page = (await shop_api(http, shop, dialect).ask(dialect.page, {"after": None}))["products"]["nodes"]
    except ShopifyError as error:
        yield Finding(WHAT, "not told", str(error))
        return
    listed = [one for one in map(dialect.read, page) if not one.problem and one.picture]
    if not listed:
        yield Finding(
            WHAT, f"none of the first {len(page)}", "Publish a product that has a picture, in this app's reach."
        )
        return
    try:
        await fetcher.picture(listed[0].picture)
    except FetchError as error:
        yield Finding(WHAT, f"the picture of {listed[0].title}", f"Let this server fetch pictures of Shopify: {error}")
        return
    placed = [one for one in listed if one.category(settings.categories)]
    found = f"{len(placed)} of the first {len(listed)} that are for sale are placed"
    if not placed:
        fix = f"Map a product type or a tag to upper, lower or overall with the setting categories; {CHECK}."
        yield Finding(WHAT, found, fix)
    elif len(placed) < len(listed):
        yield Finding(WHAT, f"{found}; the first picture is here", look=f"Place the others, too: {CHECK}.")
    else:
        yield Finding(WHAT, f"{found}; the first picture is here")


def _folder(settings: Settings) -> Finding:
    try:
        products = read_list(settings.products)
    except ProductsError as error:
        return Finding(WHAT, "unreadable", str(error))
    if not any(category_in(one, settings.categories) for one in products):
        return Finding(WHAT, "none that is placed", f"List products, with their category, in {settings.products}.")
    return Finding(WHAT, f"{len(products)} in {settings.products}")
