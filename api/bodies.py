"""Request bodies too large for memory, cut off while they stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from api.errors import TooLarge

if TYPE_CHECKING:
    from starlette.types import Message

MEGABYTE = 1 << 20

NO_LIMIT = 1 << 62
"""For a route that caps its own body: the framework's cap answers in plain text."""


def capped(request: Request, limit: int, *, overhead: int = 0) -> Request:
    """The same request, whose body raises `TooLarge` once it is longer than `limit` bytes and its wrapping `overhead`.

    As much again is read and dropped first, so that most browsers get to see the reply.
    """
    seen = 0

    async def receive() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > limit + overhead:
            await _drop(request, message, limit)
            raise TooLarge(f"This photograph is larger than {limit // MEGABYTE} MB. Please choose a smaller one.")
        return message

    return Request(request.scope, receive)


async def _drop(request: Request, message: Message, patience: int) -> None:
    while message.get("more_body") and patience > 0:
        message = await request.receive()
        patience -= len(message.get("body", b""))
