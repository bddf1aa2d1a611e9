"""What every test may use: a real Redis of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from inference.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ.pop("REDIS_URL", None)  # the tests flush their server: never someone's


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a server for the whole session, on a unix socket, append-only. Nothing is flushed between tests."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="module")
def own_redis_url() -> Iterator[str]:
    """Of a server for one module, which no other test's processes look into."""
    with redis_server() as url:
        yield url


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="fr-"))  # short: a socket's path is limited to 107 bytes
    try:
        with RedisServer(folder) as server:
            yield server.url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def empty_redis_url(redis_url: str) -> str:
    """The same server, emptied for this test."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url
