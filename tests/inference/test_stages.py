"""Stages overlap, and everything that a worker promises holds in each of them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from rq.job import Job
from rq.suspension import suspend

from inference.jobs import ErrorCode, GenerationRequest, Status
from inference.leases import Leases
from inference.queue import GenerationQueue

if TYPE_CHECKING:
    import redis

SHOP = "shop.example"
Workshop = Any  # of conftest.py
ONE_BY_ONE = {"max_jobs": 1, "num_steps": 10, "step_s": 0.03, "beside_s": 0.1}


def order(workshop: Workshop) -> list[tuple[str, int]]:
    return [(run.what, run.seeds[0]) for run in workshop.runs()]


async def until(holds: Callable[[], bool], within_s: float = 10) -> None:
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.01)


async def until_noted(workshop: Workshop, *notes: tuple[str, int]) -> None:
    await until(lambda: set(notes) <= set(order(workshop)))


async def test_the_next_batch_is_made_ready_and_the_last_one_finished_while_the_device_works(
    workshop: Workshop,
) -> None:
    jobs = [await workshop.submit() for _ in range(4)]
    workshop.start(**ONE_BY_ONE)
    await workshop.until_final(*jobs)
    seen = order(workshop)
    for seed in (2, 3):
        assert seen.index(("begin", seed)) < seen.index(("prepare", seed + 1)) < seen.index(("end", seed))
        assert seen.index(("begin", seed + 1)) < seen.index(("finishd", seed))


async def test_a_serial_worker_does_one_thing_after_the_other(workshop: Workshop) -> None:
    jobs = [await workshop.submit() for _ in range(2)]
    workshop.start(**ONE_BY_ONE, serial=1)
    await workshop.until_final(*jobs)
    stages = ["prepare", "prepared", "begin", "end", "finish", "finishd"]
    assert [what for what, _ in order(workshop)] == stages * 2


async def test_a_job_is_claimed_ahead_no_sooner_than_its_preparation_needs(workshop: Workshop) -> None:
    jobs = [await workshop.submit() for _ in range(2)]
    workshop.start(max_jobs=1, num_steps=30, step_s=0.05)
    await until_noted(workshop, ("begin", 1))
    await asyncio.sleep(0.7)
    assert (await workshop.find(jobs[1])).status is Status.PENDING
    await workshop.until_final(*jobs)


@pytest.mark.parametrize("stage", [("prepare", 2), ("prepared", 2), ("finish", 1)])
async def test_a_worker_killed_in_any_stage_loses_nothing(
    workshop: Workshop, client: redis.Redis, stage: tuple[str, int]
) -> None:
    jobs = [await workshop.submit() for _ in range(3)]
    workshop.start(**ONE_BY_ONE | {"beside_s": 0.2}, lease_s=1)
    await until_noted(workshop, stage)
    workshop.workers[0].kill()
    workshop.start(**ONE_BY_ONE, lease_s=1)
    states = await workshop.until_final(*jobs)
    assert [state.status for state in states] == [Status.COMPLETED] * 3
    assert all(len(Job.fetch(job, connection=client).results()) == 1 for job in jobs)
    assert workshop.taken() == (3, 3)


async def test_a_job_cancelled_while_it_waits_ready_ends_at_once(workshop: Workshop) -> None:
    jobs = [await workshop.submit() for _ in range(2)]
    workshop.start(**ONE_BY_ONE | {"beside_s": 1.0, "step_s": 0.3})  # ready about a second early
    await until_noted(workshop, ("prepare", 2))
    await workshop.queue.cancel(jobs[1], SHOP)
    (ended,) = await workshop.until_final(jobs[1])
    assert ended.error_code is ErrorCode.CANCELLED
    assert (await workshop.until_final(jobs[0]))[0].status is Status.COMPLETED
    assert ("begin", 2) not in order(workshop)
    assert workshop.taken() == (1, 1)


async def test_a_job_cancelled_while_its_picture_is_finished_leaves_none(workshop: Workshop) -> None:
    job = await workshop.submit()
    workshop.start(**ONE_BY_ONE | {"beside_s": 0.5})
    await until_noted(workshop, ("finish", 1))
    await workshop.queue.cancel(job, SHOP)
    (ended,) = await workshop.until_final(job)
    assert ended.error_code is ErrorCode.CANCELLED
    assert not workshop.blobs.exists(f"results/{SHOP}/{job}.png")


async def test_what_was_claimed_ahead_before_a_suspension_is_made(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit() for _ in range(3)]
    workshop.start(**ONE_BY_ONE | {"beside_s": 1.0})
    await until_noted(workshop, ("prepare", 2))
    suspend(client)
    states = await workshop.until_final(*jobs[:2], within_s=10)
    assert [state.status for state in states] == [Status.COMPLETED] * 2
    assert (await workshop.find(jobs[2])).status is Status.PENDING


async def test_sigterm_hands_back_at_no_cost_what_was_claimed_ahead_while_the_running_batch_ends(
    workshop: Workshop, client: redis.Redis
) -> None:
    jobs = [await workshop.submit() for _ in range(5)]
    workshop.start(**ONE_BY_ONE | {"max_jobs": 2, "step_s": 0.15})
    await until_noted(workshop, ("prepared", 4))
    assert [(await workshop.find(job)).status for job in jobs[2:4]] == [Status.PROCESSING] * 2
    workshop.workers[0].send_signal(signal.SIGTERM)
    assert workshop.workers[0].wait(10) == 0
    states = [(await workshop.find(job)).status for job in jobs]
    assert states == [Status.COMPLETED] * 2 + [Status.PENDING] * 3
    assert client.lrange("rq:queue:paperdoll", 0, -1) == [job.encode() for job in jobs[2:]]
    assert {Job.fetch(job, connection=client).retries_left for job in jobs} == {2}


async def test_a_lost_device_costs_what_was_claimed_ahead_nothing(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit(), await workshop.submit("device lost"), await workshop.submit()]
    workshop.start(**ONE_BY_ONE | {"step_s": 0.1})
    assert workshop.workers[0].wait(15) != 0
    assert client.lrange("rq:queue:paperdoll", 0, -1) == [job.encode() for job in jobs[1:]]
    assert [Job.fetch(job, connection=client).retries_left for job in jobs[1:]] == [1, 2]


async def test_what_an_idle_worker_could_take_is_not_claimed_ahead(
    queue: GenerationQueue, client: redis.Redis, make_request: Any, admit: Any
) -> None:
    leases = Leases(client, lease_s=60)
    assert leases.claim("idle", ["paperdoll"], 1) == []
    request = make_request()
    await queue.submit(request, admit())
    assert leases.claim("busy", ["paperdoll"], 1, ahead=True) == []
    (claim,) = leases.claim("idle", ["paperdoll"], 1)
    assert claim.generation_id == request.generation_id
    await queue.submit(make_request(), admit())
    assert len(leases.claim("busy", ["paperdoll"], 1, ahead=True)) == 1, "nobody is idle any more"


async def test_an_idle_worker_that_died_is_waited_for_only_for_a_while(
    queue: GenerationQueue, client: redis.Redis, make_request: Any, admit: Any
) -> None:
    leases = Leases(client, lease_s=60)
    leases.claim("dead", ["paperdoll"], 1)
    await queue.submit(make_request(), admit())
    (_, until_s) = client.zrange("fitting-room:idle:paperdoll", 0, -1, withscores=True)[0]
    assert 0 < until_s - time.time() <= 3
    client.zadd("fitting-room:idle:paperdoll", {"dead": time.time() - 1})
    assert len(leases.claim("busy", ["paperdoll"], 1, ahead=True)) == 1


async def test_nothing_is_claimed_beside_a_job_that_has_outlived_two_workers(
    queue: GenerationQueue, client: redis.Redis, make_request: Any, admit: Any
) -> None:
    leases = Leases(client, lease_s=60)
    for _ in range(3):
        await queue.submit(make_request(), admit())
    for _ in range(2):
        (outlived,) = leases.claim("dead", ["paperdoll"], 1)
        leases.reclaim("dead", price=1)
    assert leases.claim("busy", ["paperdoll"], 4, ahead=True) == []
    (again,) = leases.claim("busy", ["paperdoll"], 4)
    assert again.generation_id == outlived.generation_id
    assert leases.claim("busy", ["paperdoll"], 4, ahead=True) == []
    assert len(leases.claim("other", ["paperdoll"], 4)) == 2


async def submitted(
    queue: GenerationQueue, make_request: Any, admit: Any, *garments: str, steps: int | None = None
) -> list[GenerationRequest]:
    made = []
    for garment in garments:
        request = make_request(steps=steps)
        request = GenerationRequest.from_json(request.to_json().replace("/garment.png", f"/{garment}.png"))
        await queue.submit(request, admit(limit=100))
        made.append(request)
    return made


def garments_of(leases: Leases, max_jobs: int) -> str:
    claims = leases.claim("worker", ["paperdoll"], max_jobs)
    return "".join(claim.request.garment_key[-5] for claim in claims if claim.request)


async def test_the_head_prefers_mates_that_try_on_its_garment(
    queue: GenerationQueue, client: redis.Redis, make_request: Any, admit: Any
) -> None:
    leases = Leases(client, lease_s=60)
    await submitted(queue, make_request, admit, *"abcaba")
    assert [garments_of(leases, 3) for _ in range(2)] == ["aaa", "bcb"]


async def test_nobody_is_overtaken_by_more_than_four_batches(
    queue: GenerationQueue, client: redis.Redis, make_request: Any, admit: Any
) -> None:
    leases = Leases(client, lease_s=60)
    await submitted(queue, make_request, admit, *("a" * 3 + "b" + "a" * 4), steps=1)
    client.hset(f"rq:job:{client.lindex('rq:queue:paperdoll', 3).decode()}", "overtaken", 3)
    assert garments_of(leases, 2) == "aa"
    assert garments_of(leases, 2) == "aa", "its fourth time"
    assert garments_of(leases, 3) == "baa"

    await submitted(queue, make_request, admit, *"ab", steps=1)  # after it, the last a of before is the head
    (due,) = await submitted(queue, make_request, admit, "c", steps=2)
    await submitted(queue, make_request, admit, "a", steps=1)
    client.hset(f"rq:job:{due.generation_id}", "overtaken", 4)
    assert garments_of(leases, 8) == "aab", "and none that could not share the batch is overtaken once more"
    assert garments_of(leases, 8) == "c"


WATCHED = """
import threading, time
from inference.deadlines import Deadlines
deadlines = Deadlines()
def short_stage():
    with deadlines.within({short_s}):
        time.sleep(0.2)
with deadlines.within(30):
    stage = threading.Thread(target=short_stage)
    stage.start()
    stage.join()
    time.sleep(0.5)  # what waits now is under no deadline that is over
print("alive")
"""


@pytest.mark.parametrize(("short_s", "said", "code"), [(0.6, "alive", 0), (0.05, "in short_stage", 1)])
def test_the_watchdog_watches_stages_and_not_what_waits(short_s: float, said: str, code: int) -> None:
    ended = subprocess.run([sys.executable, "-c", WATCHED.format(short_s=short_s)], capture_output=True, timeout=20)
    assert said in (ended.stdout + ended.stderr).decode()
    assert ended.returncode == code
