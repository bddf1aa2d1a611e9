"""One look at the service tells what a recount of its jobs tells."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import pytest
import redis
from rq.job import Job

from inference.jobs import Status
from inference.overview import Overview, WorkerView
from inference.queue import GenerationQueue
from tests.inference.conftest import SHOP, MakeRequest, Workshop, admission

OTHER = "other.example"


async def until(what: Callable[[], object], within_s: float = 20) -> None:
    give_up_at = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def test_jobs_are_counted_as_a_recount_finds_them(workshop: Workshop, client: redis.Redis) -> None:
    waits = await workshop.submit()
    await workshop.queue.cancel(waits, SHOP)
    jobs = [await workshop.submit(mishap) for mishap in ("", "", "raises", "unusable")]
    jobs += [await workshop.submit(shop=OTHER)]
    workshop.start(max_jobs=1)
    await workshop.until_final(*jobs[:-1])
    await workshop.until_final(jobs[-1], shop=OTHER)

    recount: Counter[tuple[str, str, str]] = Counter()
    for job in (waits, *jobs):
        shop, code = client.hmget(f"rq:job:{job}", "shop", "error_code")
        found = Job.fetch(job, connection=client)
        recount["accepted", shop.decode(), ""] += 1
        recount["completed" if found.is_finished else "failed", shop.decode(), (code or b"").decode()] += 1
    seen = Overview.look(client)
    assert {(one.what, one.shop, one.code): one.number for one in seen.jobs} == recount
    assert recount["failed", SHOP, "CANCELLED"] == recount["failed", SHOP, "PHOTO_UNUSABLE"] == 1


async def test_waits_and_whole_times_are_those_of_the_jobs(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit() for _ in range(3)]
    workshop.start(num_steps=4, step_s=0.1, max_jobs=1)
    await workshop.until_final(*jobs)
    (queue,) = Overview.look(client).queues
    times = [client.hmget(f"rq:job:{job}", "submitted_at", "claimed_at", "updated_at") for job in jobs]
    waits = [float(claimed) - float(submitted) for submitted, claimed, _ in times]
    wholes = [float(ended) - float(submitted) for submitted, _, ended in times]
    for kept, measured in ((queue.wait, waits), (queue.job, wholes)):
        assert kept.total == pytest.approx(sum(measured), abs=0.001)
        for bound, number in kept.buckets:
            assert number == sum(one <= float(bound) for one in measured)
    assert len(queue.pictures_at) == 3


async def test_a_queue_is_seen_with_its_length_and_its_oldest_job(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest
) -> None:
    for card, shop, age_s in (
        ("paperdoll", SHOP, 5),
        ("other", SHOP, 60),
        ("paperdoll", OTHER, 60),
        ("paperdoll", OTHER, 1),
    ):
        request = make_request(card=card, shop=shop)
        await queue.submit(request, admission(shop))
        client.hset(f"rq:job:{request.generation_id}", "submitted_at", time.time() - age_s)
    seen = {one.card: one for one in Overview.look(client).queues}
    assert {card: one.num_waiting for card, one in seen.items()} == {"other": 1, "paperdoll": 3}
    assert {one.shop: one.num_waiting for one in seen["paperdoll"].shops} == {SHOP: 1, OTHER: 2}
    assert all(60 <= one.oldest_s < 90 for one in seen.values())


async def test_workers_are_seen_with_what_they_do_and_count(workshop: Workshop, client: redis.Redis) -> None:
    name = workshop.start(num_steps=50, step_s=0.05)
    job = await workshop.submit()
    await until(lambda: Overview.look(client).workers)

    def worker() -> WorkerView:
        return Overview.look(client).workers[0]

    await until(lambda: worker().jobs.get(job, 0) > 0)
    assert (worker().name, worker().state, worker().cards, worker().is_ready) == (name, "busy", ("paperdoll",), True)
    assert (await workshop.until_final(job))[0].status is Status.COMPLETED
    await until(lambda: worker().stats["pictures"] == 1)
    assert worker().stats["batches.1"] == 1


async def test_a_worker_that_starts_hangs_or_is_dead_is_not_ready(workshop: Workshop, client: redis.Redis) -> None:
    async def ready() -> int:
        return await workshop.queue.ready_workers("paperdoll")

    assert await ready() == 0
    workshop.start(lease_s=1)
    assert await ready() == 0  # it has just been started
    while await ready() < 1:
        await asyncio.sleep(0.02)
    assert await workshop.queue.ready_workers("another-card") == 0
    await workshop.submit("hangs")  # in one call that lets no other thread run: no heartbeat
    while await ready() == 1:
        await asyncio.sleep(0.05)
    assert [worker.is_ready for worker in Overview.look(client).workers] == [False]
    workshop.workers[0].kill()
    workshop.start(lease_s=1)
    while await ready() < 1:
        await asyncio.sleep(0.02)
    workshop.workers[1].kill()
    while await ready() == 1:
        await asyncio.sleep(0.05)


async def test_what_waits_costs_a_look_nothing(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest
) -> None:
    """By commands that Redis ran, which no other load on this machine changes."""

    def commands() -> int:
        before = sum(one["calls"] for one in client.info("commandstats").values())
        Overview.look(client)
        return int(sum(one["calls"] for one in client.info("commandstats").values())) - before

    await queue.submit(make_request(), admission())
    few = commands()
    await asyncio.gather(*(queue.submit(make_request(), admission(shopper=str(i))) for i in range(200)))
    assert commands() <= few + 1
