"""One line a request: method, route, status, milliseconds. Never a query or a token: they are credentials.

Each request pays for its line and its metrics, so the line is put together here and goes out with those of the same
turn of the event loop, for a third of what the logging module's way costs.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from api.request_id import HEADER, request_id
from inference.logs import answer_request, concerned, is_json, moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.http_metrics import HttpMetrics
    from inference.logs import LogFormat

START = "http.response.start"
LOGGER = "fitting_room.access"
REQUEST_ID = "fitting_room.request_id"


class AccessLog:
    """Names the route by its template, so that no token of the path is written; a generation is named by its id.

    Gives each request its id, and counts it.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, log_format: LogFormat | None) -> None:
        self._app = app
        self._metrics = metrics
        self._line = _json if is_json(log_format) else _text
        self._lines: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = time.perf_counter(), 500
        scope[REQUEST_ID] = name = request_id(scope["headers"])
        answer_request(name)

        def remember_status(message: Message) -> object:
            nonlocal status
            if message["type"] == START:
                status = int(message["status"])
                message["headers"] = [*message.get("headers", ()), (HEADER, name.encode())]
            return send(message)

        try:
            await self._app(scope, receive, remember_status)  # type: ignore[arg-type]  # it is awaited, as `send`
        finally:
            took_s = time.perf_counter() - started
            method, route = scope["method"], getattr(scope.get("route"), "path", "-")
            self._metrics.answered(method, route, status, took_s)
            self._write(self._line(method, route, status, took_s * 1000, name))

    def _write(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        sys.stderr.write("".join(lines))
        sys.stderr.flush()


def _clock() -> Callable[[], str]:
    """Tells the moment, and spells each second once."""
    second, spelled = 0, ""

    def tell() -> str:
        nonlocal second, spelled
        now = time.time()
        if int(now) != second:
            second = int(now)
            spelled = moment(second)[:20]
        return f"{spelled}{int(1000 * (now - second)):03d}+00:00"

    return tell


_now = _clock()


def _text(method: str, route: str, status: int, took_ms: float, name: str) -> str:
    about = f' "generation_id": "{concerned()[0]}",' if concerned() else ""
    return f'{_now()} INFO {LOGGER}: {method} {route} {status} {took_ms:.1f} ms {{{about}"request_id": "{name}"}}\n'


def _json(method: str, route: str, status: int, took_ms: float, name: str) -> str:
    """As `inference.logs` would write it; none of these texts needs escaping: the server knows no other methods."""
    about = f'"generation_id": "{concerned()[0]}", ' if concerned() else ""
    return (
        f'{{"time": "{_now()}", "level": "INFO", "logger": "{LOGGER}", "message": "{method} {route} {status}", '
        f'"process": "api", {about}"request_id": "{name}", "method": "{method}", "route": "{route}", '
        f'"status": {status}, "duration_ms": {took_ms:.1f}}}\n'
    )
