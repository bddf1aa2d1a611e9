"""One API process: uvicorn, with nothing secret in its logs."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import uvicorn

from api.app import create_app
from api.connections import BoundedConnection, allow_open_files
from api.products import ProductsError
from api.settings import InvalidSettings
from inference import logs, tracing
from inference.blobs import StorageError

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

    from api.settings import Settings

GRACE_S = 10
GC_THRESHOLD = (
    50_000  # allocations; a request leaves no cycles, and frequent collections are most of the latency's tail
)


def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then end within `GRACE_S`.

    Raises:
        InvalidSettings: the pictures' store or the products folder cannot be used.
    """
    logs.configure(settings.log_format, "api")
    tracing.configure("api")
    try:
        app = create_app(settings)
    except (StorageError, ProductsError) as error:
        raise InvalidSettings(str(error)) from error
    allow_open_files()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # it writes queries, and a query carries its signature
        proxy_headers=False,
        server_header=False,
        http=BoundedConnection,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
    _Server(app, config).run()


class _Server(uvicorn.Server):
    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.services.closing.set()
        await super().shutdown(sockets)
