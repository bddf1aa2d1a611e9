"""Connections of strangers: so many, headers so long, and nobody sends for ever."""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import Unavailable

if TYPE_CHECKING:
    import asyncio

MOST_CONNECTIONS = 2048  # of one API process, event streams among them; then new ones are told to come back
LARGEST_HEADERS = 32 << 10  # bytes of a request before its body, beyond which no more of them is read
LONGEST_HEADERS_S = 20.0  # from the first byte (or the connection) to the end of the headers
LONGEST_BODY_S = 300.0  # for a whole body: 20 MB at half a megabit a second
LOOK_EVERY_S = 5.0
MOST_FILES = 65_536  # open files that the process asks for: each connection is one

SLOW = ("408 Request Timeout", "REQUEST_TIMEOUT", "This request took too long to arrive. Please send it again.")
LONG = ("431 Request Header Fields Too Large", "HEADERS_TOO_LARGE", "The headers of this request are too long.")


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's, with limits that it lacks. A request costs it two readings of the clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self.app = _full
        self._waits_since: float | None = self.loop.time()  # for what is being received, if anything is
        self._is_body = False
        self._num_header_bytes = 0
        self._watch = self.loop.call_later(LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_body:
            if self._waits_since is None:
                self._waits_since = self.loop.time()
            self._num_header_bytes += len(data)
        super().data_received(data)
        if not self._is_body and self._waits_since is not None and self._num_header_bytes > LARGEST_HEADERS:
            self._refuse(*LONG)

    def on_headers_complete(self) -> None:
        self._waits_since, self._is_body, self._num_header_bytes = self.loop.time(), True, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._waits_since, self._is_body = None, False
        super().on_message_complete()

    def _look(self) -> None:
        self._watch = self.loop.call_later(LOOK_EVERY_S, self._look)
        allowed_s = LONGEST_BODY_S if self._is_body else LONGEST_HEADERS_S
        if self._waits_since is not None and self.loop.time() - self._waits_since > allowed_s:
            self._refuse(*SLOW)

    def _refuse(self, status: str, code: str, message: str) -> None:
        """Tell it, unless an answer is under way, and hang up."""
        self._waits_since = None
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = json.dumps({"message": message, "code": code}).encode()
            head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            self.transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        self.transport.close()


async def _full(_scope: Any, _receive: Any, send: Any) -> None:
    """The whole application, for a connection that is one too many."""
    refusal = Unavailable("Many people are here just now. Please try again in a moment.")
    body = json.dumps(refusal.body()).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
        **{name.lower(): value for name, value in refusal.headers.items()},
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def allow_open_files() -> None:
    """As many as the system lets this process have: a common default is fewer than `MOST_CONNECTIONS`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
