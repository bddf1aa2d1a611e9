"""What the routes share, made once when the application starts."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redis.asyncio import BlockingConnectionPool, Redis

from api.decoding import Decoders
from api.links import Links
from api.remote_pictures import RemotePictures
from api.secret import signing_key
from api.shares import Shares
from api.shopper import Doorkeeper
from api.sources.customers import Customers
from api.sources.remembered import Remembered
from api.sources.shopify import ShopifyProducts
from api.streams import MOST_STREAMS, Places
from api.views import Views
from inference.holdings import Holdings
from inference.queue import GenerationQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from api.fetching import Fetcher
    from api.garments import ProductSource
    from api.http_metrics import HttpMetrics
    from api.products import Products
    from api.settings import Settings
    from inference.blobs import BlobStore

NUM_CONNECTIONS = 32
PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    doorkeeper: Doorkeeper
    redis: Redis
    queue: GenerationQueue
    blobs: BlobStore
    links: Links
    shares: Shares
    holdings: Holdings
    products: ProductSource
    customers: Customers
    folder: Products | None  # whose products these are, if a folder's
    metrics: HttpMetrics
    views: Views = field(default_factory=Views)
    streams: Places = field(default_factory=Places)
    decoders: Decoders = field(default_factory=Decoders)
    closing: asyncio.Event = field(default_factory=asyncio.Event)  # set when the process is asked to end
    credits: dict[str, tuple[float, bool]] = field(default_factory=dict)  # shop -> until when, allowed


@asynccontextmanager
async def open_services(
    settings: Settings, blobs: BlobStore, folder: Products | None, fetcher: Fetcher, metrics: HttpMetrics
) -> AsyncIterator[Services]:
    """Everything the routes share; its Redis connections end with the context.

    `folder`: the products that are tried on; without one, Shopify tells them, and `fetcher` gets their pictures.
    """
    pool = BlockingConnectionPool.from_url(settings.redis_url, max_connections=NUM_CONNECTIONS, timeout=PATIENCE_S)
    async with (
        Redis.from_pool(pool) as redis,
        Redis.from_url(settings.redis_url, max_connections=MOST_STREAMS + 1) as streaming,  # each stream holds one
        aclosing(
            GenerationQueue(streaming, max_length=settings.max_queue_length, retention_s=int(settings.terms.result_s))
        ) as queue,
        AsyncExitStack() as stack,
    ):
        products: ProductSource | None = folder
        if products is None:
            pictures = RemotePictures(fetcher, blobs, Remembered(redis))
            source = ShopifyProducts.open(
                settings.shops, settings.product_source, redis, streaming, pictures, settings.categories
            )
            products = await stack.enter_async_context(source)
        customers = Customers({})
        if reached := [shop for shop in settings.shops if settings.reaches_admin(shop)]:
            customers = await stack.enter_async_context(Customers.open(reached))
        yield Services(
            settings=settings,
            doorkeeper=Doorkeeper(settings, signing_key(settings, "identities")),
            redis=redis,
            queue=queue,
            blobs=blobs,
            links=Links(blobs, signing_key(settings, "links"), settings.url_ttl_s, settings.public_url.rstrip("/")),
            shares=Shares(signing_key(settings, "shares")),
            holdings=Holdings(redis, int(settings.terms.longest_s)),
            products=products,
            customers=customers,
            folder=folder,
            metrics=metrics,
        )
