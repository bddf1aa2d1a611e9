"""HEAD wherever there is GET: load balancers probe with it. The answer is GET's without its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = "http.response.body"


class HeadAsGet:
    """Ends the answer after its headers, event streams' too: the server then tells the route that nobody listens."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self._app(scope, receive, send)
        has_ended = False

        async def send_headers(message: Message) -> None:
            nonlocal has_ended
            if has_ended:
                return
            has_ended = message["type"] == BODY
            await send({"type": BODY} if has_ended else message)

        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, send_headers)
        finally:
            scope.update(as_get, method="HEAD")  # the log names the route that was found
