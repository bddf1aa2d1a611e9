"""Every product that the settings' source tells, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from api.fetching import Fetcher, FetchError
from api.products import category_in, read_list
from api.remote_pictures import is_remote
from api.settings import Settings
from api.sources.apis import DIALECTS, shop_api
from api.sources.listed import NO_PICTURE, Listed
from api.sources.queries import Dialect

NOT_PLACED = (
    "How it is worn is not told. Give it a product type or category, or map its type or one of its tags to upper, "
    "lower or overall with the setting `categories`."
)


@dataclass(frozen=True, slots=True)
class Item:
    """A product. `picture`: its bytes, None where there is none to look at."""

    shop: str
    product_id: str
    title: str
    problems: tuple[str, ...]
    picture: bytes | None


async def items(settings: Settings, fetcher: Fetcher) -> AsyncIterator[Item]:
    """Of the folder, or of every shop's listing at Shopify.

    Raises:
        ProductsError: the folder's list cannot be read.
        ShopifyError: Shopify does not tell.
    """
    if settings.product_source == "folder":
        for product in read_list(settings.products):
            placed = category_in(product, settings.categories) is not None
            picture, problem = await _picture(settings, fetcher, product.image)
            problems = ("" if placed else NOT_PLACED, problem)
            yield Item("", product.product_id, product.title, tuple(filter(None, problems)), picture)
        return
    dialect = DIALECTS[settings.product_source]
    async with httpx.AsyncClient() as http:
        for shop in settings.shops:
            async for listed in _listing(http, settings, shop.domain, dialect):
                placed = listed.category(settings.categories) is not None
                picture, problem = await _picture(settings, fetcher, listed.picture) if listed.picture else (None, "")
                told = (
                    listed.problem,
                    "" if placed else NOT_PLACED,
                    "" if listed.picture else NO_PICTURE,
                    problem,
                )
                yield Item(shop.domain, listed.product_id, listed.title, tuple(filter(None, told)), picture)


async def _listing(http: httpx.AsyncClient, settings: Settings, domain: str, dialect: Dialect) -> AsyncIterator[Listed]:
    shop = next(one for one in settings.shops if one.domain == domain)
    api, after = shop_api(http, shop, dialect), None
    while True:
        page = (await api.ask(dialect.page, {"after": after}))["products"]
        for node in page["nodes"]:
            yield dialect.read(node)
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


async def _picture(settings: Settings, fetcher: Fetcher, image: str) -> tuple[bytes | None, str]:
    try:
        if is_remote(image):
            return await fetcher.picture(image), ""
        path = (settings.products / image).resolve()
        if not path.is_relative_to(settings.products.resolve()):
            return None, "Its picture lies outside the folder."
        return await asyncio.to_thread(path.read_bytes), ""
    except (FetchError, OSError) as error:
        return None, f"Its picture cannot be had: {error}"
