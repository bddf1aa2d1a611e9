"""An app of one's own, served over real HTTP on a free port from a thread of this process."""

from __future__ import annotations

import threading
import time
from typing import Self

import uvicorn


class Served:
    """A context manager; who inherits it sets `_server` before it is entered."""

    _server: uvicorn.Server

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    @property
    def port(self) -> int:
        return int(self._server.servers[0].sockets[0].getsockname()[1])
