"""Redis goes away: nothing is lost, nothing is done twice, nobody has to restart anything."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import RedisError, ResponseError
from rq.job import Job
from rq.registry import FinishedJobRegistry, StartedJobRegistry

from inference.jobs import Status
from inference.patience import is_away
from inference.redis_server import RedisServer
from inference.supervisor import DRAIN_S
from inference.worker import GOODBYE_S, LEASE_S, LEAVES_WITHIN_S

if TYPE_CHECKING:
    from pathlib import Path

    import redis

Workshop = Any  # of conftest.py
ON_DISK_S = 1.2  # the server writes its file to disk every second


@pytest.fixture
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def server(server_folder: Path) -> Iterator[list[RedisServer]]:
    """The running server, last in the list: one that a test may kill."""
    servers = [RedisServer(server_folder)]
    yield servers
    servers[-1].stop()


@pytest.fixture
def redis_url(server: list[RedisServer]) -> str:
    return server[0].url


def kill(server: list[RedisServer]) -> None:
    server[-1].process.kill()
    server[-1].stop()


async def test_a_batch_that_ends_while_redis_is_away_is_recorded_when_it_is_back(
    workshop: Workshop, client: redis.Redis, server: list[RedisServer], server_folder: Path
) -> None:
    jobs = [await workshop.submit() for _ in range(2)]
    workshop.start(num_steps=20, step_s=0.1, lease_s=10)
    await workshop.until(jobs[1], Status.PROCESSING)
    await asyncio.sleep(ON_DISK_S)
    kill(server)
    while not any(run.what == "end" for run in workshop.runs()):
        await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    server.append(RedisServer(server_folder))
    states = await workshop.until_final(*jobs)
    assert [state.status for state in states] == [Status.COMPLETED] * 2
    assert [run.what for run in workshop.runs()] == ["begin", "end"], "nothing ran twice"
    assert workshop.taken() == (2, 2)


async def test_an_idle_worker_takes_jobs_again_after_an_outage(
    workshop: Workshop, server: list[RedisServer], server_folder: Path
) -> None:
    workshop.start()
    await workshop.until_final(await workshop.submit())
    kill(server)
    await asyncio.sleep(1)
    server.append(RedisServer(server_folder))
    await workshop.until_final(await workshop.submit(), within_s=10)
    assert workshop.workers[0].poll() is None


def frozen(server: list[RedisServer], client: redis.Redis) -> Callable[[], object]:
    os.kill(server[-1].process.pid, signal.SIGSTOP)
    return lambda: os.kill(server[-1].process.pid, signal.SIGCONT)


def read_only(server: list[RedisServer], client: redis.Redis) -> Callable[[], object]:
    client.execute_command("REPLICAOF", "127.0.0.1", "1")  # where there is none
    return lambda: client.execute_command("REPLICAOF", "NO", "ONE")


def too_few_replicas(server: list[RedisServer], client: redis.Redis) -> Callable[[], object]:
    client.config_set("min-replicas-to-write", 1)
    return lambda: client.config_set("min-replicas-to-write", 0)


def out_of_memory(server: list[RedisServer], client: redis.Redis) -> Callable[[], object]:
    client.config_set("maxmemory", 1)
    return lambda: client.config_set("maxmemory", 0)


@pytest.mark.parametrize("fail", [frozen, read_only, too_few_replicas, out_of_memory])
async def test_a_batch_that_ends_while_redis_takes_nothing_is_recorded_once_it_does_again(
    workshop: Workshop,
    client: redis.Redis,
    server: list[RedisServer],
    fail: Callable[[list[RedisServer], redis.Redis], Callable[[], object]],
) -> None:
    jobs = [await workshop.submit() for _ in range(2)]
    workshop.start(num_steps=10, step_s=0.1, lease_s=20)
    await workshop.until(jobs[1], Status.PROCESSING)
    while not workshop.runs():  # a claim alone may still have to ask Redis before its batch begins
        await asyncio.sleep(0.02)
    mend = fail(server, client)
    while not any(run.what == "end" for run in workshop.runs()):
        await asyncio.sleep(0.02)
    if fail is not frozen:  # what the API then tells a shopper: test_app.py
        with pytest.raises(RedisError):
            await workshop.submit()
    await asyncio.sleep(1)
    mend()
    states = await workshop.until_final(*jobs)
    assert [state.status for state in states] == [Status.COMPLETED] * 2
    assert [run.what for run in workshop.runs()] == ["begin", "end"], "nothing ran twice"
    assert workshop.taken() == (2, 2)
    await workshop.until_final(await workshop.submit())
    assert workshop.workers[0].poll() is None, "the same worker goes on"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), True),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), True),
        (ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"), False),
        (ValueError("MISCONF"), False),
    ],
)
def test_what_redis_will_take_again_is_told_from_what_is_wrong(error: Exception, passes: bool) -> None:
    assert is_away(error) is passes


async def test_a_worker_that_is_to_go_while_redis_is_away_goes_and_another_makes_what_it_had(
    workshop: Workshop, server: list[RedisServer], server_folder: Path
) -> None:
    job = await workshop.submit()
    await asyncio.sleep(ON_DISK_S)
    workshop.start(num_steps=10, step_s=0.1, leaves_within_s=1)
    await workshop.until(job, Status.PROCESSING)
    kill(server)
    workshop.workers[0].send_signal(signal.SIGTERM)
    await asyncio.to_thread(workshop.workers[0].wait, 40)
    server.append(RedisServer(server_folder))
    workshop.start()
    assert (await workshop.until_final(job))[0].status is Status.COMPLETED
    assert workshop.taken() == (1, 1)


def test_a_worker_is_gone_before_its_supervisor_loses_patience() -> None:
    last_words_s = 2 * GOODBYE_S + LEASE_S  # the heartbeat's last call, and what it gives back
    assert LEAVES_WITHIN_S + last_words_s < DRAIN_S


async def test_a_worker_whose_claims_redis_refuses_ends_for_another_to_take_its_place(
    workshop: Workshop, client: redis.Redis
) -> None:
    workshop.start()
    await workshop.until_final(await workshop.submit())
    client.set("fitting-room:idle:paperdoll", "no sorted set")
    await asyncio.to_thread(workshop.workers[0].wait, 15)
    client.delete("fitting-room:idle:paperdoll")
    job = await workshop.submit()
    workshop.start()
    await workshop.until_final(job)


async def test_a_worker_that_redis_has_forgotten_registers_again(workshop: Workshop, client: redis.Redis) -> None:
    name = workshop.start(lease_s=0.6)
    await workshop.until_final(await workshop.submit())
    client.flushall()
    give_up_at = time.monotonic() + 10
    while client.smembers("rq:workers") != {f"rq:worker:{name}".encode()}:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)
    assert int(client.hget(f"rq:worker:{name}", "pid") or 0) == workshop.workers[0].pid
    await workshop.until_final(await workshop.submit())


async def test_killing_redis_and_workers_at_random_loses_nothing(
    workshop: Workshop, client: redis.Redis, server: list[RedisServer], server_folder: Path
) -> None:
    jobs = [await workshop.submit() for _ in range(40)]
    await asyncio.sleep(ON_DISK_S)
    for _ in range(2):
        workshop.start(num_steps=10, step_s=0.05, lease_s=1.5)
    for round_number in range(2):
        await asyncio.sleep(1.3)
        kill(server)
        await asyncio.sleep(0.7)
        server.append(RedisServer(server_folder))
        os.kill(workshop.workers[round_number].pid, signal.SIGKILL)
        workshop.start(num_steps=10, step_s=0.05, lease_s=1.5)
    states = await workshop.until_final(*jobs, within_s=60)
    assert {state.status for state in states} == {Status.COMPLETED}
    assert sorted(FinishedJobRegistry("paperdoll", connection=client).get_job_ids()) == sorted(jobs)
    assert StartedJobRegistry("paperdoll", connection=client).get_job_count(cleanup=False) == 0
    assert all(len(Job.fetch(job, connection=client).results()) == 1 for job in jobs)
    assert workshop.taken() == (40, 40)
