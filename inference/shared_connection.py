"""One connection to Redis for all that one event loop asks: what is asked in one turn of the loop goes out
in few writes.

redis-py's client holds a connection for each command on its way and spends ten times this on each; the libraries that
share one either know no unix sockets (valkey-glide) or cost as much (coredis).
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import ConnectionPool
    from redis.asyncio.connection import AbstractConnection

    Part = str | bytes | int | float

PATIENCE_S = 10.0  # of whoever asks; a server that works but is slow is rarely silent so long
UNACKNOWLEDGED_MS = 3000  # then the machine at the other end is gone, or the way to it
NOTHING_YET = object()
FEW = 2  # commands that go out without waiting for more: Redis works on them while the next ones are made


class SharedConnection:
    """Connects when first asked, and again when asked after it broke. A command that was sent is never repeated.

    `pool` tells where Redis is and how to get in, and lends no connection.
    """

    def __init__(self, pool: ConnectionPool, *, patience_s: float = PATIENCE_S) -> None:
        self._make_connection: Callable[[], AbstractConnection] = pool.make_connection
        self._patience_s = patience_s
        self._line: _Line | None = None
        self._connecting: asyncio.Task[_Line] | None = None

    async def ask(self, *command: Part) -> Any:
        """Redis's answer.

        Raises:
            redis.exceptions.ResponseError: the answer is an error.
            redis.exceptions.ConnectionError: Redis is away, or went away; it may have done what it was asked.
            redis.exceptions.TimeoutError: it said nothing for `patience_s`; likewise.
        """
        line = self._line
        if line is None or line.is_lost:
            line = await self._connected()
        return await line.send(command)

    async def _connected(self) -> _Line:
        """By one attempt for all who ask meanwhile, which outlives whoever gives up waiting for it."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(_look_at)
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> _Line:
        # redis-py opens it, as it knows every kind of address, TLS and password, and then leaves the transport to us.
        connection = self._make_connection()
        try:
            async with asyncio.timeout(self._patience_s):
                await connection.connect()  # type: ignore[no-untyped-call]
        except TimeoutError:
            raise RedisTimeoutError(f"Redis did not let us in within {self._patience_s:g} s.") from None
        self._line = _Line(connection, self._patience_s)
        return self._line

    async def aclose(self) -> None:
        """Hang up; whoever still waits is told that the connection broke."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._line is not None:
            self._line.hang_up()


class Script:
    """A Lua script without declared keys, sent whole only where Redis does not know it."""

    def __init__(self, connection: SharedConnection, source: str) -> None:
        self._connection = connection
        self._source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, *args: Part) -> Any:
        try:
            return await self._connection.ask("EVALSHA", self._digest, 0, *args)
        except NoScriptError:  # so it did not run
            return await self._connection.ask("EVAL", self._source, 0, *args)


class _Line(asyncio.Protocol):
    """An open connection: answers come in the order of what was asked."""

    def __init__(self, connection: Any, patience_s: float) -> None:
        self._connection = connection  # kept, as it closes its transport when it is forgotten
        self._transport: asyncio.Transport = connection._writer.transport
        self._transport.set_protocol(self)
        _notice_silence(self._transport.get_extra_info("socket"))
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=_error, notEnoughData=NOTHING_YET)
        self._outgoing: list[bytes] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._patience_s = patience_s
        self._alarm: asyncio.TimerHandle | None = None
        self._failure: RedisConnectionError | RedisTimeoutError = RedisConnectionError("The connection to Redis broke.")
        self._has_ended = False

    @property
    def is_lost(self) -> bool:
        return self._has_ended or self._transport.is_closing()

    def send(self, command: tuple[Part, ...]) -> asyncio.Future[Any]:
        """The answer to come. Whoever no longer waits for it may cancel it: the others get theirs all the same.

        Raises:
            redis.exceptions.ConnectionError: the connection is lost, and nothing was sent.
        """
        if self.is_lost:
            raise RedisConnectionError("The connection to Redis broke.")
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows tuples of one only
        answer = self._loop.create_future()
        self._outgoing.append(packed)
        if len(self._outgoing) == FEW:
            self._flush()
        elif len(self._outgoing) == 1:
            self._loop.call_soon(self._flush)
        self._waiting.append(answer)
        if self._alarm is None:
            self._wait_patiently()
        return answer

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if outgoing and not self.is_lost:
            self._transport.write(b"".join(outgoing))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not NOTHING_YET:
            if isinstance(answer, hiredis.PushNotification):
                continue
            asked = self._waiting.popleft()
            if asked.done():
                continue
            if isinstance(answer, Exception):
                asked.set_exception(answer)
            else:
                asked.set_result(answer)
        self._wait_patiently()

    def _wait_patiently(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_later(self._patience_s, self._give_up) if self._waiting else None

    def _give_up(self) -> None:
        self._failure = RedisTimeoutError(f"Redis did not answer within {self._patience_s:g} s.")
        self._transport.abort()

    def hang_up(self) -> None:
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._has_ended = True
        if self._alarm is not None:
            self._alarm.cancel()
        while self._waiting:
            if not (asked := self._waiting.popleft()).done():
                asked.set_exception(type(self._failure)(str(self._failure)))


def _notice_silence(connected: socket.socket) -> None:
    """A connection whose other end vanished without a word breaks by itself, and does not cost `PATIENCE_S`."""
    if connected.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


def _error(text: str) -> ResponseError:
    return NoScriptError(text) if text.startswith("NOSCRIPT") else ResponseError(text)


def _look_at(connecting: asyncio.Task[_Line]) -> None:
    """All who waited for it may have left: its failure is then nobody's."""
    if not connecting.cancelled():
        connecting.exception()
