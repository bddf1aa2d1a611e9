"""A patient client: it comes back when it was told to, and says when that would be too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.batch.reading import RowError
from scripts.batch.rows import BatchError
from scripts.batch.service import GoneError, Service

Answer = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Gives `answers` one after the other, and keeps when each was asked for and with which key."""

    answers: list[Answer]
    asked_at: list[float]
    keys: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked_at.append(time.monotonic())
        self.server.keys.append(self.headers.get("Idempotency-Key"))
        status, headers, body = self.server.answers.pop(0)
        if status == 0:  # the connection breaks
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answers, server.asked_at, server.keys = [], [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


MADE: Answer = (200, {}, b'{"jobId": "gen_1", "message": "Generation job created successfully"}')


async def submit(server: Server) -> str:
    async with Service(f"http://127.0.0.1:{server.server_port}") as service:
        return await service.submit({"userImageId": "a"}, "key")


@pytest.mark.parametrize("status", [200, 429, 503])
async def test_it_waits_as_long_as_retry_after_says_and_asks_again_with_the_same_key(
    server: Server, status: int
) -> None:
    full: Answer = (status, {"Retry-After": "1"}, b'{"jobId": "", "message": "Full.", "code": "CREATION_FAILED"}')
    server.answers = [full, MADE]
    assert await submit(server) == "gen_1"
    assert server.asked_at[1] - server.asked_at[0] >= 1
    assert server.keys == ["key", "key"]


async def test_a_broken_connection_and_a_proxy_without_a_service_are_asked_again(server: Server) -> None:
    server.answers = [(0, {}, b""), (502, {}, b""), MADE]
    assert await submit(server) == "gen_1"
    assert server.keys == ["key"] * 3


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        ((429, {"Retry-After": "259200"}, b'{"message": "Come back in 3 days.", "jobId": ""}'), BatchError, "3 days"),
        (
            (200, {}, b'{"jobId": "", "message": "All used.", "code": "QUOTA_EXCEEDED"}'),
            BatchError,
            "All used. What is",
        ),
        (
            (402, {}, b'{"jobId": "", "message": "All used.", "code": "QUOTA_EXCEEDED"}'),
            BatchError,
            "All used. What is",
        ),
        ((401, {}, b'{"message": "Send a key.", "code": "UNAUTHORISED"}'), BatchError, "--api-key-env"),
        ((400, {}, b'{"message": "No such category.", "code": "BAD_REQUEST"}'), RowError, "No such category"),
        ((404, {}, b'{"message": "Product not found", "code": "PRODUCT_NOT_FOUND"}'), GoneError, "not found"),
    ],
)
async def test_what_waiting_does_not_mend_is_said_at_once(
    server: Server, answer: Answer, error: type[Exception], sentence: str
) -> None:
    server.answers = [answer]
    with pytest.raises(error, match=sentence):
        await submit(server)
