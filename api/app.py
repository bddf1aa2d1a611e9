"""create_app(settings): wiring and lifespan, nothing else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi_offline import FastAPIOffline

from api import error_handlers
from api.access_log import AccessLog
from api.chores import tasks_done
from api.errors import ApiError, Forbidden, replies
from api.fetching import Fetcher
from api.head import HeadAsGet
from api.headers import SecurityHeaders
from api.http_metrics import HttpMetrics
from api.loopback import LoopbackOnly
from api.openapi import describe
from api.products import Products
from api.routes import (
    demo,
    documentation,
    extras,
    fitting_room,
    generations,
    operations,
    privacy,
    shares,
    storage,
    uploads,
    webhooks,
    widget,
)
from api.services import open_services
from api.short_way import ShortWay
from api.traced import Traced
from inference import tracing
from inference.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from api.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application.

    Raises:
        StorageError: the pictures' store cannot be used.
        ProductsError: something in the products folder cannot be used.
    """
    blobs = BlobStore.open(settings.storage_url)
    fetcher = Fetcher(settings.picture_hosts)
    folder = None
    if settings.product_source == "folder":
        folder = Products.open(settings.products, blobs, settings.categories, fetcher)
    metrics = HttpMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, blobs, folder, fetcher, metrics) as services:
            app.state.services = services
            async with tasks_done(services):
                yield

    common = (ApiError, Forbidden) if settings.mode == "open" else (ApiError,)
    app = FastAPIOffline(  # what /docs needs comes from here, not from a stranger's server
        docs_url=None,
        redoc_url=None,
        title="Fitting Room",
        version="1.0.0",
        lifespan=lifespan,
        responses=replies(*common),
        generate_unique_id_function=lambda route: route.name,
    )
    error_handlers.install(app)
    for routes in (
        fitting_room,
        uploads,
        generations,
        shares,
        extras,
        privacy,
        storage,
        operations,
        webhooks,
        widget,
        documentation,
    ):
        app.include_router(routes.router)
    app.add_middleware(ShortWay)
    if settings.mode == "open":
        app.include_router(demo.router)
        app.add_middleware(LoopbackOnly)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders, https=settings.public_url.startswith("https://"))
    if tracing.is_on():
        app.add_middleware(Traced)
    app.add_middleware(AccessLog, metrics=metrics, log_format=settings.log_format)
    app.openapi = partial(describe, app, settings.mode)  # type: ignore[method-assign]
    return app
