"""Redis goes away: nothing is lost, nothing is done twice, nobody has to restart anything."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from rq.job import Job
from rq.registry import FinishedJobRegistry, StartedJobRegistry

from inference.jobs import Status
from inference.redis_server import RedisServer

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
