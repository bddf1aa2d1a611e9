"""The two requests that shops send all day, answered without the framework's machinery when nothing is odd about them.

The routes are the contract. What is odd in any way (another content type, an invalid body, an error, a mount) goes on
to them untouched, and they are what answers here too: only finding them, solving what they depend on, and writing
their reply is done by hand, for a third of the cost. `tests/api/test_short_way.py` holds both ways to the same replies.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fastapi import Request, Response
from pydantic import ValidationError
from redis.exceptions import RedisError
from starlette.requests import ClientDisconnect

from api.contract import TryOn, TryOnReply
from api.dependencies import CLIENT_ID, links, visit
from api.error_handlers import redis_error
from api.errors import ApiError
from api.routes.fitting_room import IDEMPOTENCY_KEY, try_on
from api.routes.generations import generation_of_shop, generation_status
from api.small_body import is_announced_small

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.contract import Reply

JSON = b"application/json"


class Route(NamedTuple):
    """What the access log names."""

    path: str


SUBMIT = Route("/public/fitting-room")
STATUS = Route("/public/generation/{generation_id}")
STATUS_PATH = re.compile(r"/public/generation/([\w-]+)", re.ASCII)


class ShortWay:
    """Middleware, to be the innermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get("root_path"):
            if scope["method"] == "POST" and scope["path"] == SUBMIT.path:
                return await self._submit(scope, receive, send)
            if scope["method"] == "GET" and (found := STATUS_PATH.fullmatch(scope["path"])):
                return await self._status(found[1], scope, receive, send)
        return await self._app(scope, receive, send)

    async def _submit(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.headers.get("content-type") != "application/json" or not is_announced_small(request):
            return await self._app(scope, receive, send)
        try:
            body = await request.body()
        except ClientDisconnect:
            return None
        try:
            wanted = TryOn.model_validate_json(body)
            key = IDEMPOTENCY_KEY.validate_python(request.headers.get("idempotency-key"))
            client_id = CLIENT_ID.validate_python(request.query_params.get("client_id"))
            reply = await try_on(wanted, await visit(request, client_id), key)
        except (ApiError, ValidationError):  # raised before anything was taken
            return await self._app(scope, _again(body, receive), send)
        scope["route"] = SUBMIT
        if isinstance(reply, TryOnReply):
            return await _send(reply, (), send)
        return await reply(scope, receive, send)

    async def _status(self, generation_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        request, response = Request(scope, receive), Response()
        scope["route"] = STATUS
        try:
            found = await generation_of_shop(generation_id, request)
        except ApiError:
            return await self._app(scope, receive, send)
        except RedisError as error:  # not to be asked a second time
            return await (await redis_error(request, error))(scope, receive, send)
        reply = await generation_status(found, await links(request), response)
        headers = [header for header in response.raw_headers if header[0] != b"content-length"]
        return await _send(reply, headers, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Message:
        return messages.pop() if messages else await receive()

    return given


async def _send(reply: Reply, headers: list[tuple[bytes, bytes]] | tuple[()], send: Send) -> None:
    body = reply.model_dump_json(by_alias=True, exclude_none=True).encode()
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": 200, "headers": [*headers, length, (b"content-type", JSON)]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
