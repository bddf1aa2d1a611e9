"""A stranger's server of pictures, over real HTTP, that answers whatever it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image

from api.fetching import Fetcher

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"  # here the one stands for the public internet, the other for our network


def picture(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (160, 200), "teal").save(buffer, kind)
    return buffer.getvalue()


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def moved(location: str, status: str = "302 Found") -> bytes:
    return reply(b"", status, f"Location: {location}")


@dataclass
class Server:
    """Answers paths with bytes as they are; knows what was asked of it."""

    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0
    byte_every_s: float = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked.append(path)
            page = self.pages.get(path, reply(b"", "404 Not Found"))
            for piece in [page[i : i + 1] for i in range(len(page))] if self.byte_every_s else [page]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self.byte_every_s)
        writer.close()


@contextlib.asynccontextmanager
async def serving(address: str, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.answer, address, port, ssl=tls) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


NAMES = {"cdn.example": [OUTSIDE], "inner.example": [INSIDE], "both.example": [OUTSIDE, INSIDE], "none.example": []}


async def names(host: str, port: int) -> list[str]:
    return NAMES.get(host, [host])


def fetcher(server: Server, **changes: object) -> Fetcher:
    options = {
        "hosts": frozenset({*NAMES, OUTSIDE, INSIDE}),
        "schemes": ("http",),
        "ports": (server.port,),
        "is_allowed": lambda address: str(address) == OUTSIDE,
        "resolver": names,
        "patience_s": 20.0,
    }
    return Fetcher(**(options | changes))  # type: ignore[arg-type]
