"""One connection for all callers, against a real server that is slow, killed, restarted or hung."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from inference.redis_server import RedisServer
from inference.shared_connection import Script, SharedConnection

NAME = "the-shared-one"


@pytest.fixture
async def shared(empty_redis_url: str) -> AsyncIterator[SharedConnection]:
    pool = ConnectionPool.from_url(empty_redis_url, client_name=NAME)
    async with contextlib.aclosing(SharedConnection(pool)) as connection:
        yield connection


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for the socket's path."""
    made = Path(tempfile.mkdtemp(prefix="fr-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def num_clients(connection: SharedConnection) -> int:
    listed: bytes = await connection.ask("CLIENT", "LIST", "TYPE", "normal")
    return listed.count(b" name=%b " % NAME.encode())


async def test_everybody_gets_their_own_answer_over_one_connection_in_the_order_they_asked(
    shared: SharedConnection,
) -> None:
    lengths = await asyncio.gather(*(shared.ask("RPUSH", "list", number) for number in range(500)))
    assert lengths == list(range(1, 501))
    assert await shared.ask("LRANGE", "list", 0, -1) == [b"%d" % number for number in range(500)]
    assert await num_clients(shared) == 1


async def test_an_error_goes_to_whoever_asked_for_it(shared: SharedConnection) -> None:
    asked = [("SET", "text", "x"), ("INCR", "text"), ("GET", "text"), ("NONSENSE",), ("STRLEN", "text")]
    answers = await asyncio.gather(*(shared.ask(*command) for command in asked), return_exceptions=True)
    assert [answers[0], answers[2], answers[4]] == [b"OK", b"x", 1]
    assert isinstance(answers[1], ResponseError)
    assert isinstance(answers[3], ResponseError)
    with pytest.raises(TypeError):
        await shared.ask("SET", "text", None)  # type: ignore[arg-type]
    assert await shared.ask("GET", "text") == b"x"


async def test_answers_of_any_size_come_whole(shared: SharedConnection) -> None:
    texts = [os.urandom(size) for size in (0, 1, 70_000, 3_000_000, 5)]
    assert await asyncio.gather(*(shared.ask("ECHO", text) for text in texts)) == texts


async def test_whoever_gives_up_waiting_shifts_nobody_elses_answer(shared: SharedConnection) -> None:
    await shared.ask("PING")
    waiting = [asyncio.ensure_future(shared.ask("ECHO", number)) for number in range(100)]
    await asyncio.sleep(0)
    for giving_up in waiting[::3]:
        giving_up.cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    for number, answer in enumerate(answers):
        assert isinstance(answer, asyncio.CancelledError) if number % 3 == 0 else answer == b"%d" % number


async def test_whoever_gives_up_connecting_leaves_the_attempt_to_the_others(shared: SharedConnection) -> None:
    first, second = (asyncio.ensure_future(shared.ask("ECHO", name)) for name in ("first", "second"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"second"


async def test_a_script_is_sent_whole_only_to_a_server_that_does_not_know_it(shared: SharedConnection) -> None:
    script = Script(shared, "return redis.call('INCRBY', 'count', ARGV[1])")
    for total in (2, 4):
        assert await script(2) == total
        await shared.ask("SCRIPT", "FLUSH")
    wrong = Script(shared, "return redis.call('INCR')")
    with pytest.raises(ResponseError):
        await wrong()


async def test_the_password_and_the_database_of_the_address_are_used(
    empty_redis_url: str, shared: SharedConnection
) -> None:
    await shared.ask("CONFIG", "SET", "requirepass", "secret")
    try:
        url = empty_redis_url.replace("unix://", "unix://:secret@") + "?db=3"
        async with contextlib.aclosing(SharedConnection(ConnectionPool.from_url(url))) as let_in:
            await let_in.ask("SET", "here", "1")
            assert await let_in.ask("DBSIZE") == 1
        assert await shared.ask("GET", "here") is None
        async with contextlib.aclosing(SharedConnection(ConnectionPool.from_url(empty_redis_url))) as stranger:
            with pytest.raises(RedisError):
                await stranger.ask("PING")
    finally:
        await shared.ask("CONFIG", "SET", "requirepass", "")


async def test_a_killed_server_fails_all_who_wait_at_once_and_a_restarted_one_is_found_again(folder: Path) -> None:
    with RedisServer(folder) as server:
        shared = SharedConnection(ConnectionPool.from_url(server.url))
        script = Script(shared, "return redis.call('INCR', 'count')")
        assert await script() == 1
        waiting = [asyncio.ensure_future(shared.ask("BLPOP", "nothing", 0)) for _ in range(5)]
        await asyncio.sleep(0.05)
        server.process.kill()
        server.process.wait()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(answer) for answer in answers] == [RedisConnectionError] * 5
        with pytest.raises(RedisConnectionError):
            await shared.ask("PING")
    with RedisServer(folder):
        assert await asyncio.gather(*(script() for _ in range(20))) == list(range(2, 22)), "nothing was repeated"
        await shared.aclose()


async def test_a_command_that_may_have_run_is_not_repeated(folder: Path) -> None:
    counted = asyncio.Event()
    asked = []

    async def count_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"INCR" not in (received := await reader.read(4096)):
            writer.write(b"+OK\r\n" * received.count(b"*"))
        asked.append(received)
        counted.set()
        writer.close()

    server = await asyncio.start_unix_server(count_and_hang_up, folder / "s")
    async with server, contextlib.aclosing(SharedConnection(ConnectionPool.from_url(f"unix://{folder}/s"))) as shared:
        with pytest.raises(RedisConnectionError):
            await shared.ask("INCR", "count")
        await asyncio.wait_for(counted.wait(), 5)
        await asyncio.sleep(0.1)
    assert len(asked) == 1


async def test_a_server_that_hangs_is_given_up_and_asked_anew_later(folder: Path) -> None:
    with RedisServer(folder) as server:
        shared = SharedConnection(ConnectionPool.from_url(server.url), patience_s=0.3)
        assert await shared.ask("PING") == b"PONG"
        await asyncio.sleep(0.4)
        assert await shared.ask("PING") == b"PONG", "silence is no failure where nobody waits"
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        answers = await asyncio.gather(*(shared.ask("INCR", "count") for _ in range(3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [RedisTimeoutError] * 3
        assert 0.2 < time.monotonic() - began < 3
        server.process.send_signal(signal.SIGCONT)
        assert await shared.ask("PING") == b"PONG"
        await shared.aclose()
