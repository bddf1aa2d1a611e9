"""What the routes share, made once when the application starts."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redis.asyncio import BlockingConnectionPool, Redis

from api.decoding import Decoders
from api.links import Links
from api.secret import signing_key
from api.shopper import Doorkeeper
from api.streams import MOST_STREAMS, Places
from inference.holdings import Holdings
from inference.queue import GenerationQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
    holdings: Holdings
    products: Products
    metrics: HttpMetrics
    streams: Places = field(default_factory=Places)
    decoders: Decoders = field(default_factory=Decoders)
    closing: asyncio.Event = field(default_factory=asyncio.Event)  # set when the process is asked to end
    credits: dict[str, tuple[float, bool]] = field(default_factory=dict)  # shop -> until when, allowed


@asynccontextmanager
async def open_services(
    settings: Settings, blobs: BlobStore, products: Products, metrics: HttpMetrics
) -> AsyncIterator[Services]:
    """Everything the routes share; its Redis connections end with the context."""
    pool = BlockingConnectionPool.from_url(settings.redis_url, max_connections=NUM_CONNECTIONS, timeout=PATIENCE_S)
    async with (
        Redis.from_pool(pool) as redis,
        Redis.from_url(settings.redis_url, max_connections=MOST_STREAMS + 1) as streaming,  # each stream holds one
        aclosing(
            GenerationQueue(streaming, max_length=settings.max_queue_length, retention_s=int(settings.terms.result_s))
        ) as queue,
    ):
        yield Services(
            settings=settings,
            doorkeeper=Doorkeeper(settings, signing_key(settings, "identities")),
            redis=redis,
            queue=queue,
            blobs=blobs,
            links=Links(blobs, signing_key(settings, "links"), settings.url_ttl_s, settings.public_url.rstrip("/")),
            holdings=Holdings(redis, int(settings.terms.longest_s)),
            products=products,
            metrics=metrics,
        )
