"""What a connection may cost, over real sockets: requests too long, too slow, and too many at once are told so."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn

from api import connections, streams
from api.connections import BoundedConnection
from api.errors import Unavailable
from api.streams import Places


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 4)
    monkeypatch.setattr(connections, "LONGEST_HEADERS_S", 0.6)
    monkeypatch.setattr(connections, "LONGEST_BODY_S", 1.2)
    monkeypatch.setattr(connections, "LOOK_EVERY_S", 0.1)


async def app(scope: dict, receive, send) -> None:  # type: ignore[no-untyped-def, type-arg]
    """Reads the body, then says how long it was."""
    size, message = 0, {"more_body": True}
    while message.get("more_body"):
        message = await receive()
        size += len(message.get("body", b""))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(str(size)))]})
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(app, port=0, http=BoundedConnection, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve([listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await running


async def answer(port: int, *pieces: bytes, pause_s: float = 0.0) -> tuple[int, str]:
    """What is told to one who sends these pieces, and then nothing more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause_s)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split()[1]), (await reader.readexactly(length)).decode()
    finally:
        writer.close()


GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n"


async def test_an_ordinary_request_is_answered_and_its_connection_kept(port: int) -> None:
    assert await answer(port, GET) == (200, "0")
    assert await answer(port, POST, b"01234", b"56789", pause_s=0.3) == (200, "10")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n0")
        await asyncio.sleep(0.8)  # idle between requests is not slow
    writer.close()


@pytest.mark.parametrize("pieces", [(), (b"GET / HTTP/1.1\r\n",), (b"GET / HTTP/1.1\r\nHost: here\r\n", b"X: y\r\n")])
async def test_headers_that_do_not_come_are_waited_for_no_longer_than_their_time(
    port: int, pieces: tuple[bytes, ...]
) -> None:
    status, body = await answer(port, *pieces)
    assert (status, json.loads(body)["code"]) == (408, "REQUEST_TIMEOUT")


async def test_a_body_that_trickles_is_cut_off(port: int) -> None:
    status, body = await answer(port, POST, *[b"x"] * 3, pause_s=0.2)
    assert (status, json.loads(body)["code"]) == (408, "REQUEST_TIMEOUT")


@pytest.mark.parametrize("header", [b"X: " + b"y" * 40_000, b"X: y\r\n" * 8_000, b"Host: here"])
async def test_headers_too_long_are_refused(port: int, header: bytes) -> None:
    start = b"GET /" + (b"z" * 40_000 if header == b"Host: here" else b"") + b" HTTP/1.1\r\n"
    status, body = await answer(port, start + header)
    assert (status, json.loads(body)["code"]) == (431, "HEADERS_TOO_LARGE")


async def test_one_connection_too_many_is_told_to_come_back_and_let_in_later(port: int) -> None:
    holding = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    for _, writer in holding:
        writer.write(POST)  # whose body is still to come
    await asyncio.sleep(0.1)
    status, body = await answer(port, GET)
    assert (status, json.loads(body)["code"]) == (503, "UNAVAILABLE")
    for _, writer in holding:
        writer.close()
    await asyncio.sleep(0.1)
    assert (await answer(port, GET))[0] == 200


def test_a_stream_too_many_is_refused_until_another_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_STREAMS", 1)
    places = Places()
    with places.one():
        with pytest.raises(Unavailable) as refusal, places.one():
            pass
        assert refusal.value.headers["Retry-After"]
    with places.one():
        pass
