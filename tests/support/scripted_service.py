"""A service over real HTTP that gives the answers it was told to, one after the other."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

Answer = tuple[int, dict[str, str], bytes]

BREAKS_OFF: Answer = (0, {}, b"")


@dataclass(frozen=True)
class Asked:
    """One request; `at`: by the monotonic clock."""

    line: str
    headers: Message
    body: bytes
    at: float = field(default_factory=time.monotonic)


class ScriptedService(ThreadingHTTPServer):
    """Answers with `answers`, status, headers and body, of JSON unless they say otherwise; keeps what was `asked`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: ScriptedService

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(Asked(f"{self.command} {self.path}", self.headers, body))
        status, headers, content = self.server.answers.pop(0)
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # as the library names them

    def log_message(self, format: str, *words: object) -> None:
        """Nobody reads it."""


@contextmanager
def scripted_service() -> Iterator[ScriptedService]:
    with ScriptedService() as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
