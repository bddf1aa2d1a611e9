"""JSON bodies are small: a larger one is refused before it is parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.routing import APIRoute

from api.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from fastapi import Response
    from starlette.types import Message

LARGEST_KB = 64


class SmallBody(APIRoute):
    """Caps the bodies that the framework parses; its own cap answers in plain text, and ours in JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def limited(request: Request) -> Response:
            if is_announced_small(request):
                return await handle(request)
            small = _capped(request)
            await small.body()
            return await handle(small)

        return limited


def is_announced_small(request: Request) -> bool:
    """By its Content-Length, beyond which the server reads nothing, unless chunks are announced too."""
    if "transfer-encoding" in request.headers:
        return False
    length = request.headers.get("content-length", "")
    return length.isascii() and length.isdigit() and int(length) <= LARGEST_KB * 1024


def _capped(request: Request) -> Request:
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_KB * 1024:
            raise TooLarge(f"The body is larger than {LARGEST_KB} KB.")
        return message

    return Request(request.scope, receive)
