"""The servers under load: each one process of uvicorn, over one Redis, with a database of its own."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from inference.blobs import BlobStore
from inference.children import end, spawn
from inference.redis_server import RedisServer
from scripts.options import FITTING_ROOM
from scripts.service import ServiceError

READY_WITHIN_S = 60.0
SHOP, API_KEY = "bench.example", "key-of-the-bench"
PHOTO, PRODUCT = f"photos/{SHOP}/me.jpg", "gid://shopify/Product/1001"
WAITING = "rq:queue:paperdoll"
PLAIN = (sys.executable, "-P", "-m", "scripts.bench.api_plain")
SETTINGS = f"""
mode = "api_key"
public_url = "https://try.example"
max_queue_length = 100_000_000
card = "paperdoll"
[[shops]]
domain = "{SHOP}"
api_key_envs = ["BENCH_API_KEY"]
monthly_quota = 1_000_000_000
"""


class BenchError(ServiceError):
    """What was to be measured does not run, or does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs, over the database at `url`."""

    port: int
    url: str
    redis: Redis


class Servers:
    """Starts them in a folder that goes with them."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fr-")))
        self._redis = stack.enter_context(RedisServer(self._folder / "redis"))
        self._num_databases = 0
        self._settings = self._folder / "settings.toml"
        self._settings.write_text(SETTINGS)
        BlobStore.open((self._folder / "blobs").as_uri()).put(PHOTO, b"a photograph")

    def ours(self) -> Server:
        """`fitting-room api`."""
        return self._start(
            (*FITTING_ROOM, "api"),
            {
                "FITTING_ROOM_SETTINGS": str(self._settings),
                "FITTING_ROOM_DATA": str(self._folder),
                "FITTING_ROOM_PORT": "0",
                "BENCH_API_KEY": API_KEY,
            },
        )

    def plain(self) -> Server:
        """The app of api_plain.py."""
        names = {"PHOTOS": str(self._folder / "blobs"), "PRODUCT": PRODUCT, "API_KEY": API_KEY, "SHOP": SHOP}
        return self._start(PLAIN, names)

    def _start(self, argv: tuple[str, ...], names: Mapping[str, str]) -> Server:
        url = f"{self._redis.url}?db={self._num_databases}"
        log_file = self._folder / f"{self._num_databases}.log"
        self._num_databases += 1
        env = {name: value for name, value in os.environ.items() if not name.startswith("FITTING_ROOM_")}
        with log_file.open("wb") as log:
            process = spawn(argv, log, environment={**env, **names, "REDIS_URL": url})
        self._stack.callback(end, process, 10)
        give_up_at = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < give_up_at and process.poll() is None:
            if found := re.search(r"running on http://127.0.0.1:(\d+)", log_file.read_text()):
                return Server(int(found[1]), url, self._stack.enter_context(Redis.from_url(url)))
            time.sleep(0.02)
        raise BenchError(f"A server did not start: {log_file.read_text().strip()[-500:]}")


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """A Redis, and the servers started over it; all end with the context."""
    with contextlib.ExitStack() as stack:
        yield Servers(stack)
