"""One line a request: method, route, status, milliseconds. Never a query or a token: they are credentials."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("fitting_room.access")


class AccessLog:
    """Names the route by its template, so that no id or token of the path is written either."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = time.perf_counter(), 500

        async def remember_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, remember_status)
        finally:
            took_ms = (time.perf_counter() - started) * 1000
            log.info("%s %s %d %.1f ms", scope["method"], _route(scope), status, took_ms)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "-")
