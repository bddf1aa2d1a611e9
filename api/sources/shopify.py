"""Products of Shopify's shops: gid in, garment out, asked of Shopify only for what is not kept."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx
from cachetools import LRUCache
from redis.exceptions import RedisError

from api.errors import ProductNotFound
from api.fetching import FetchError
from api.garments import Garment
from api.sources.apis import DIALECTS, shop_api
from api.sources.changes import Changes
from api.sources.errors import ShopifyError
from api.sources.gathering import Gathering
from api.sources.kept import Kept, Said, now
from api.sources.listed import NO_PICTURE, Listed
from api.sources.queries import MOST_IDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from redis.asyncio import Redis

    from api.remote_pictures import RemotePictures
    from api.shops import ShopSettings
    from api.sources.graphql import ShopApi
    from inference.jobs import Category

log = logging.getLogger(__name__)

FRESH_S = 24 * 3600.0  # should a shop's word that a product changed ever be lost
RETRY_S = 15.0  # until a shop that does not answer is asked again
UNKNOWN_S = 60.0  # the same of a product that there is not
PATIENCE_S = 8.0  # of a shopper who waits; what was asked goes on, for the next one
MOST_KEPT = 50_000  # products in memory
MOST_VARIANTS = 2048  # of one, as Shopify has it

NOT_TOLD = "The shop does not tell its products just now."


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known until a moment of the monotonic clock: a garment, or why there is none; neither, for unknown."""

    until: float
    garment: Garment | None = None
    problem: str = ""
    is_away: bool = False


class ShopifyProducts:
    """The products of `shops`, asked in `dialect` (`admin` or `storefront`). Belongs to one event loop."""

    def __init__(
        self,
        shops: Iterable[ShopSettings],
        dialect: str,
        kept: Kept,
        pictures: RemotePictures,
        mapping: Mapping[str, Category],
        http: httpx.AsyncClient,
    ) -> None:
        self._dialect, self._kept, self._pictures, self._mapping = DIALECTS[dialect], kept, pictures, mapping
        self._shops = {shop.domain: shop for shop in shops}
        self._asks = {
            domain: Gathering(self._by_id(shop_api(http, shop, self._dialect)), MOST_IDS)
            for domain, shop in self._shops.items()
        }
        self._known: LRUCache[tuple[str, str], dict[str | None, _Known]] = LRUCache(MOST_KEPT)
        self._running: dict[tuple[str, str, str | None], asyncio.Task[_Known]] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        shops: Iterable[ShopSettings],
        dialect: str,
        redis: Redis,
        streaming: Redis,
        pictures: RemotePictures,
        mapping: Mapping[str, Category],
    ) -> AsyncIterator[ShopifyProducts]:
        """With a task that follows the shops' changes, to which `streaming` lends a connection."""
        async with httpx.AsyncClient() as http:
            products = cls(shops, dialect, Kept(redis), pictures, mapping, http)
            changes = Changes(streaming, products.changed, products.forget)
            with suppress(RedisError):  # it may come later
                await changes.begin()
            following = asyncio.create_task(changes.follow())
            try:
                yield products
            finally:
                following.cancel()
                await asyncio.gather(following, *products.stop(), return_exceptions=True)

    async def find(self, product_id: str, variant_id: str | None, shop: str = "") -> Garment | None:
        """As `ProductSource` says. A product that was found before needs neither Redis nor Shopify."""
        product = self._known.get((shop, product_id))
        known = product.get(variant_id) if product else None
        if known is None or known.until <= time.monotonic():
            known = await self._patiently(shop, product_id, variant_id)
        if known.is_away:
            raise FetchError(known.problem)
        if known.problem:
            raise ProductNotFound(known.problem)
        return known.garment

    def changed(self, shop: str, product_id: str) -> None:
        """Ask for it anew when it is next wanted; what is being asked was asked too early."""
        product = self._known.get((shop, product_id), {})
        product.update({name: replace(known, until=0.0) for name, known in product.items()})
        for name in [name for name in self._running if name[:2] == (shop, product_id)]:
            del self._running[name]

    def forget(self) -> None:
        """The same of everything."""
        for shop, product_id in list(self._known):
            self.changed(shop, product_id)
        self._running.clear()

    def stop(self) -> list[asyncio.Task[_Known]]:
        running = list(self._running.values())
        for task in running:
            task.cancel()
        return running

    async def _patiently(self, shop: str, product_id: str, variant_id: str | None) -> _Known:
        name = (shop, product_id, variant_id)
        if (task := self._running.get(name)) is None:
            task = self._running[name] = asyncio.create_task(self._renewed(*name))
            task.add_done_callback(lambda done: self._has_ended(name, done))
        try:
            return await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
        except TimeoutError:
            before = (self._known.get((shop, product_id)) or {}).get(variant_id)
            return before if before and before.garment else _Known(0.0, problem=NOT_TOLD, is_away=True)

    def _has_ended(self, name: tuple[str, str, str | None], task: asyncio.Task[_Known]) -> None:
        if task.cancelled() or task.exception() or self._running.get(name) is not task:
            self._running = {one: other for one, other in self._running.items() if other is not task}
            return
        del self._running[name]
        shop, product_id, variant_id = name
        product = self._known.setdefault((shop, product_id), {})
        if len(product) > MOST_VARIANTS:
            product.clear()
        product[variant_id] = task.result()

    async def _renewed(self, shop: str, product_id: str, variant_id: str | None) -> _Known:
        before = (self._known.get((shop, product_id)) or {}).get(variant_id)
        try:
            return await self._told(shop, product_id, variant_id)
        except (ShopifyError, FetchError) as error:
            log.warning("%s of %s cannot be had: %s", variant_id or product_id, shop, error)
            if before and before.garment:
                return _Known(time.monotonic() + RETRY_S, before.garment)
            return _Known(time.monotonic() + RETRY_S, problem=str(error), is_away=True)

    async def _told(self, shop: str, product_id: str, variant_id: str | None) -> _Known:
        product, variant = await self._said(shop, product_id, variant_id)
        oldest = min(one.at for one in (product, variant) if one)
        until = time.monotonic() + max(0.0, oldest + FRESH_S - now())
        if product.listed is None or (variant and not _is_of(variant.listed, product_id)):
            return _Known(min(until, time.monotonic() + UNKNOWN_S))
        picture = (variant.listed.picture if variant and variant.listed else "") or product.listed.picture
        if problem := product.listed.problem or ("" if picture else NO_PICTURE):
            return _Known(until, problem=problem)
        key = await self._pictures.key(picture)
        is_worn = self._shops[shop].pictures_are_worn
        return _Known(until, Garment(key, product.listed.category(self._mapping), is_worn))

    async def _said(self, shop: str, product_id: str, variant_id: str | None) -> tuple[Said, Said | None]:
        """Of the product and of the variant: kept and fresh, else asked in one call."""
        ids = [product_id, variant_id] if variant_id else [product_id]
        version, kept = await self._kept.read(shop, product_id, ids)
        asked_at = now()
        stale = [name for name, one in zip(ids, kept, strict=True) if one is None or one.at + FRESH_S < asked_at]
        answers = await asyncio.gather(*(self._asks[shop].answer(name) for name in stale))
        new = {name: Said(one, asked_at) for name, one in zip(stale, answers, strict=True)}
        await self._kept.keep(shop, product_id, version, {name: one for name, one in new.items() if one.listed})
        said = [new.get(name) or one for name, one in zip(ids, kept, strict=True)]
        product, variant = said[0], said[1] if variant_id else None
        assert product is not None, "what was not kept was asked for"
        return product, variant

    def _by_id(self, api: ShopApi) -> Callable[[list[str]], Awaitable[list[Listed | None]]]:
        dialect = self._dialect

        async def ask(ids: list[str]) -> list[Listed | None]:
            nodes = (await api.ask(dialect.by_id, {"ids": ids}))["nodes"]
            return [dialect.read(node) if node and "title" in node else None for node in nodes]

        return ask


def _is_of(variant: Listed | None, product_id: str) -> bool:
    return variant is not None and variant.product_id == product_id
