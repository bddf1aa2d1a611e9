"""A span for each request; installed only where traces are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference import tracing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNTRACED = ("/health", "/metrics")  # asked each second, by programs


class Traced:
    """What a request did is told by its route's template, and nothing of what it carried."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNTRACED):
            return await self._app(scope, receive, send)
        status = 500

        async def remember_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        with tracing.request(scope["method"]) as answered:
            try:
                await self._app(scope, receive, remember_status)
            finally:
                answered.as_(scope["method"], getattr(scope.get("route"), "path", "-"), status)
