from __future__ import annotations

import asyncio
import datetime
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import redis
import redis.asyncio
from rq import Queue as RqQueue
from rq.job import Job, JobStatus
from rq.registry import CanceledJobRegistry

from inference.jobs import Admission, ErrorCode, GenerationRequest, Refusal, SlidingLimit, Status, Submission
from inference.leases import Leases
from inference.queue import GenerationQueue
from inference.scripts import BELL

WEEK_S = 7 * 24 * 3600
SHOP = "shop.example"

MakeRequest = Callable[..., GenerationRequest]
Admit = Callable[..., Admission]


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> float:
    return datetime.datetime(year, month, day, hour, minute, tzinfo=datetime.UTC).timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock(at(2026, 3, 10))


@pytest.fixture
def timed(async_client: redis.asyncio.Redis, clock: Clock) -> GenerationQueue:
    return GenerationQueue(async_client, max_length=1000, retention_s=WEEK_S, clock=clock)


def reservations(client: redis.Redis, shop: str = SHOP, shopper: str = "shopper") -> tuple[int, int]:
    """Taken of the weekly limit, and of the months' quotas."""
    quota = sum(int(client.get(key) or 0) for key in client.keys(f"fitting-room:quota:{shop}:*"))
    return client.zcard(f"fitting-room:limit:{shop}:{shopper}"), quota


async def test_a_submitted_generation_waits_as_pending(
    queue: GenerationQueue, make_request: MakeRequest, admit: Admit
) -> None:
    first, second = make_request(), make_request()
    for request in (first, second):
        submission = await queue.submit(request, admit())
        assert submission.generation_id == request.generation_id
        assert submission.refusal is None
    found = await queue.find(second.generation_id, SHOP)
    assert found is not None
    assert (found.status, found.progress, found.queue_position) == (Status.PENDING, 0.0, 1)
    assert (found.result_key, found.error_code, found.error_message) == (None, None, None)
    assert found.created_at == found.updated_at


async def test_any_rq_tool_can_read_the_job(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    request = make_request()
    await queue.submit(request, admit())
    job = Job.fetch(request.generation_id, connection=client)
    assert job.get_status() is JobStatus.QUEUED
    assert job.func_name == "fitting_room.generate"
    assert job.args == (request.generation_id,)
    assert (job.origin, job.retries_left, job.result_ttl, job.failure_ttl) == ("paperdoll", 2, WEEK_S, WEEK_S)
    assert job.enqueued_at is not None
    assert abs((job.enqueued_at - datetime.datetime.now(datetime.UTC)).total_seconds()) < 5
    assert [rq_queue.name for rq_queue in RqQueue.all(client)] == ["paperdoll"]
    assert RqQueue("paperdoll", connection=client).job_ids == [request.generation_id]
    assert GenerationRequest.from_json(client.hget(job.key, "request").decode()) == request


async def test_a_shop_never_sees_or_cancels_the_job_of_another(
    queue: GenerationQueue, make_request: MakeRequest, admit: Admit
) -> None:
    request = make_request()
    await queue.submit(request, admit())
    assert await queue.find(request.generation_id, "other.example") is None
    assert await queue.cancel(request.generation_id, "other.example") is None
    assert [seen async for seen in queue.watch(request.generation_id, "other.example")] == []
    found = await queue.find(request.generation_id, SHOP)
    assert found is not None
    assert found.status is Status.PENDING


async def test_an_unknown_generation_is_none(queue: GenerationQueue) -> None:
    assert await queue.find("gen_none", SHOP) is None
    assert await queue.cancel("gen_none", SHOP) is None


async def test_of_1000_concurrent_submissions_of_a_shopper_with_limit_10_exactly_10_are_accepted(
    empty_redis_url: str, make_request: MakeRequest, admit: Admit
) -> None:
    outcomes = await submit_all(empty_redis_url, [(make_request(), admit(limit=10)) for _ in range(1000)])
    assert outcomes == {None: 10, Refusal.RATE_LIMIT: 990}


async def test_of_500_shoppers_against_a_quota_of_300_exactly_300_are_accepted(
    empty_redis_url: str, make_request: MakeRequest, admit: Admit, client: redis.Redis
) -> None:
    asked = [(make_request(), admit(shopper=f"shopper-{i}", quota=300)) for i in range(500)]
    outcomes = await submit_all(empty_redis_url, asked)
    assert outcomes == {None: 300, Refusal.QUOTA: 200}
    assert sum(client.zcard(f"fitting-room:limit:{SHOP}:shopper-{i}") for i in range(500)) == 300


async def submit_all(url: str, asked: list[tuple[GenerationRequest, Admission]]) -> Counter[Refusal | None]:
    """All at once, over two clients with ten connections each."""
    outcomes: Counter[Refusal | None] = Counter()
    pools = [redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=10, timeout=60) for _ in range(2)]
    async with (
        redis.asyncio.Redis(connection_pool=pools[0]) as one,
        redis.asyncio.Redis(connection_pool=pools[1]) as two,
    ):
        queues = [GenerationQueue(each, max_length=10_000, retention_s=WEEK_S) for each in (one, two)]
        submissions = await asyncio.gather(
            *(queues[i % 2].submit(request, terms) for i, (request, terms) in enumerate(asked))
        )
        outcomes.update(submission.refusal for submission in submissions)
    for pool in pools:
        await pool.disconnect()
    return outcomes


async def test_the_week_slides_and_says_when_the_oldest_leaves_it(
    timed: GenerationQueue, clock: Clock, make_request: MakeRequest, admit: Admit
) -> None:
    start = clock.now
    for hour in range(3):
        clock.now = start + hour * 3600
        assert (await timed.submit(make_request(), admit(limit=3))).refusal is None
    refused = await timed.submit(make_request(), admit(limit=3))
    assert (refused.refusal, refused.retry_after_s) == (Refusal.RATE_LIMIT, WEEK_S - 2 * 3600)
    clock.now = start + WEEK_S - 1
    assert (await timed.submit(make_request(), admit(limit=3))).retry_after_s == 1
    clock.now = start + WEEK_S
    assert (await timed.submit(make_request(), admit(limit=3))).refusal is None
    assert (await timed.submit(make_request(), admit(limit=3))).refusal is Refusal.RATE_LIMIT


async def test_a_lowered_limit_waits_until_enough_have_left_the_window(
    timed: GenerationQueue, clock: Clock, make_request: MakeRequest, admit: Admit
) -> None:
    start = clock.now
    for hour in range(3):
        clock.now = start + hour * 3600
        await timed.submit(make_request(), admit(limit=3))
    refused = await timed.submit(make_request(), admit(limit=1))
    assert refused.retry_after_s == WEEK_S
    assert (await timed.submit(make_request(), admit(limit=0))).retry_after_s == WEEK_S


async def test_every_limit_of_an_admission_must_hold(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest
) -> None:
    both = Admission(SHOP, (SlidingLimit("client", 10, WEEK_S), SlidingLimit("address", 2, WEEK_S)), 100)
    outcomes = [(await queue.submit(make_request(), both)).refusal for _ in range(4)]
    assert outcomes == [None, None, Refusal.RATE_LIMIT, Refusal.RATE_LIMIT]
    assert reservations(client, shopper="client") == (2, 2)


@pytest.mark.parametrize(
    ("now", "seconds_left"),
    [
        (at(2026, 3, 31, 23, 59), 60),
        (at(2026, 12, 31, 23), 3600),
        (at(2024, 2, 28), 2 * 86400),
        (at(2026, 2, 28), 86400),
        (at(2100, 2, 28), 86400),
    ],
)
async def test_the_quota_is_of_the_calendar_month_in_utc(
    timed: GenerationQueue,
    clock: Clock,
    make_request: MakeRequest,
    admit: Admit,
    now: float,
    seconds_left: int,
) -> None:
    clock.now = now
    assert (await timed.submit(make_request(), admit(quota=1))).refusal is None
    assert await timed.quota_left(SHOP, 1) == 0
    refused = await timed.submit(make_request(), admit(quota=1))
    assert (refused.refusal, refused.retry_after_s) == (Refusal.QUOTA, seconds_left)
    clock.now += seconds_left
    assert await timed.quota_left(SHOP, 1) == 1
    assert (await timed.submit(make_request(), admit(quota=1))).refusal is None


async def test_a_refusal_takes_nothing(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    request = make_request()
    assert (await queue.submit(request, admit(quota=0))).refusal is Refusal.QUOTA
    assert reservations(client) == (0, 0)
    assert await queue.find(request.generation_id, SHOP) is None


async def test_a_retry_takes_nothing_twice(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    same = ("customer:key", "digest")
    submissions = await asyncio.gather(
        *(queue.submit(make_request(), admit(limit=2), idempotency=same) for _ in range(50))
    )
    assert len({submission.generation_id for submission in submissions}) == 1
    assert reservations(client) == (1, 1)
    assert client.llen("rq:queue:paperdoll") == 1


async def test_an_idempotency_key_with_another_body_is_a_conflict(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    await queue.submit(make_request(), admit(), idempotency=("customer:key", "digest"))
    conflict = await queue.submit(make_request(), admit(), idempotency=("customer:key", "other"))
    assert await queue.repeated(admit().shop, ("customer:key", "other")) == Submission("", conflict.refusal)
    assert conflict.refusal is Refusal.IDEMPOTENCY_CONFLICT
    assert reservations(client) == (1, 1)


async def test_a_refused_submission_can_be_repeated_with_its_key(
    queue: GenerationQueue, make_request: MakeRequest, admit: Admit
) -> None:
    same = ("customer:key", "digest")
    assert (await queue.submit(make_request(), admit(quota=0), idempotency=same)).refusal is Refusal.QUOTA
    assert (await queue.submit(make_request(), admit(quota=1), idempotency=same)).refusal is None


async def test_a_full_queue_refuses_before_anything_is_reserved_but_still_answers_a_retry(
    async_client: redis.asyncio.Redis, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    queue = GenerationQueue(async_client, max_length=2, retention_s=WEEK_S)
    first = await queue.submit(make_request(), admit(), idempotency=("key", "digest"))
    await queue.submit(make_request(), admit())
    full = await queue.submit(make_request(), admit())
    assert (full.refusal, full.retry_after_s) == (Refusal.QUEUE_FULL, 30)
    assert reservations(client) == (2, 2)
    again = await queue.submit(make_request(), admit(), idempotency=("key", "digest"))
    assert again.generation_id == first.generation_id


async def test_a_full_queue_tells_to_come_back_by_the_measured_throughput(
    async_client: redis.asyncio.Redis, client: redis.Redis, clock: Clock, make_request: MakeRequest, admit: Admit
) -> None:
    queue = GenerationQueue(async_client, max_length=40, retention_s=WEEK_S, clock=clock)
    for _ in range(40):
        await queue.submit(make_request(), admit(limit=100))
    client.rpush("fitting-room:finished:paperdoll", *(clock.now - 100 + 2 * i for i in range(50)))
    full = await queue.submit(make_request(), admit(limit=100))
    assert full.retry_after_s == 8  # half a picture a second; a tenth of the queue is four


async def test_cancelling_a_waiting_generation_ends_it_and_gives_back_what_it_took_once(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    kept, request = make_request(), make_request()
    await queue.submit(kept, admit())
    await queue.submit(request, admit())
    for _ in range(3):
        ended = await queue.cancel(request.generation_id, SHOP)
        assert ended is not None
        assert (ended.status, ended.error_code) == (Status.FAILED, ErrorCode.CANCELLED)
        assert ended.queue_position is None
    assert reservations(client) == (1, 1)
    assert client.lrange("rq:queue:paperdoll", 0, -1) == [kept.generation_id.encode()]
    assert Job.fetch(request.generation_id, connection=client).is_canceled
    assert CanceledJobRegistry("paperdoll", connection=client).get_job_ids() == [request.generation_id]
    assert 0 < client.ttl(f"rq:job:{request.generation_id}") <= WEEK_S


async def test_a_refund_goes_to_the_month_it_was_taken_from(
    timed: GenerationQueue, clock: Clock, make_request: MakeRequest, admit: Admit
) -> None:
    clock.now = at(2026, 3, 31, 23)
    request = make_request()
    await timed.submit(request, admit(quota=5))
    clock.now = at(2026, 4, 1)
    await timed.submit(make_request(), admit(quota=5))
    await timed.cancel(request.generation_id, SHOP)
    assert await timed.quota_left(SHOP, 5) == 4
    clock.now = at(2026, 3, 31)
    assert await timed.quota_left(SHOP, 5) == 5


async def test_watching_tells_every_change_and_stops_at_the_end(
    queue: GenerationQueue, make_request: MakeRequest, admit: Admit
) -> None:
    request = make_request()
    await queue.submit(request, admit())
    seen = []
    async for state in queue.watch(request.generation_id, SHOP):
        seen.append(state.status)
        if state.status is Status.PENDING:
            asyncio.get_running_loop().call_soon(asyncio.ensure_future, queue.cancel(request.generation_id, SHOP))
    assert seen == [Status.PENDING, Status.FAILED]


async def test_redis_s_own_clock_writes_the_times_of_rq(
    queue: GenerationQueue,
    timed: GenerationQueue,
    clock: Clock,
    client: redis.Redis,
    make_request: MakeRequest,
    admit: Admit,
) -> None:
    for moment in (at(2024, 2, 29, 23, 59) + 59.25, at(2026, 12, 31), at(2000, 3, 1, 12), at(1999, 12, 31, 23, 59)):
        clock.now = moment
        request = make_request()
        await timed.submit(request, admit(limit=100))
        enqueued_at = Job.fetch(request.generation_id, connection=client).enqueued_at
        assert enqueued_at is not None
        assert enqueued_at.timestamp() == pytest.approx(moment, abs=1e-5)


async def test_places_stay_right_through_cancels_claims_and_hand_backs(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    ids = [(await queue.submit(make_request(), admit(limit=100))).generation_id for _ in range(6)]
    leases = Leases(client, 30)
    claims = leases.claim("worker", ["paperdoll"], 2)
    await queue.cancel(ids[3], SHOP)
    assert await places(queue, ids) == [None, None, 0, None, 1, 2]
    leases.hand_back(claims[1])
    assert await places(queue, ids) == [None, 0, 1, None, 2, 3]
    leases.reclaim("worker", price=1)
    assert await places(queue, ids) == [0, 1, 2, None, 3, 4]
    late = (await queue.submit(make_request(), admit(limit=100))).generation_id
    assert await places(queue, [late]) == [5]
    assert waiting(client) == {ids[0], ids[1], ids[2], ids[4], ids[5], late}


async def test_a_job_rings_once_when_it_comes_and_once_when_it_comes_back_and_nobody_is_rung_for_nothing(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    leases = Leases(client, lease_s=60)
    for _ in range(2):
        await queue.submit(make_request(), admit())
    assert client.llen(BELL + "paperdoll") == 2  # wakes two idle workers, not all
    leases.claim("worker", ["paperdoll"], 1)
    assert client.llen(BELL + "paperdoll") == 2
    (last,) = leases.claim("worker", ["paperdoll"], 1)
    assert client.llen(BELL + "paperdoll") == 0
    leases.hand_back(last)
    assert client.llen(BELL + "paperdoll") == 1


@pytest.mark.parametrize("look", ["claim", "tidy"])
async def test_what_another_rq_tool_changes_in_the_list_is_mended_in_the_line_when_it_is_next_looked_at(
    look: str, queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    leases, rq_queue = Leases(client, 30), RqQueue("paperdoll", connection=client)

    def mend() -> None:
        if look == "tidy":
            leases.tidy(["paperdoll"])
        for claim in leases.claim("worker", ["paperdoll"], 1) if look == "claim" else ():
            leases.hand_back(claim)

    ids = [(await queue.submit(make_request(), admit(limit=100))).generation_id for _ in range(4)]
    Job.fetch(ids[1], connection=client).cancel()
    mend()
    assert await places(queue, ids) == [0, None, 1, 2]
    assert waiting(client) == {ids[0], ids[2], ids[3]}
    Job.fetch(ids[2], connection=client).cancel()
    client.hset(f"rq:job:{ids[2]}", "status", "queued")
    rq_queue.push_job_id(ids[2])  # as many as before
    mend()
    assert (await places(queue, ids))[:2] == [0, None]
    assert waiting(client) == {ids[0], ids[2], ids[3]}
    rq_queue.empty()
    mend()
    assert client.keys("fitting-room:line:*") + client.keys("fitting-room:turns:*") == []


async def test_a_job_that_leaves_from_anywhere_leaves_the_others_in_the_list(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    ids = [(await queue.submit(make_request(), admit(limit=100))).generation_id for _ in range(60)]
    left = list(ids)
    for leaving in random.Random(5).sample(ids, 50):
        await queue.cancel(leaving, SHOP)
        left.remove(leaving)
        assert waiting(client) == set(left)
        assert await places(queue, left) == list(range(len(left)))
        head, tail = (client.lindex("rq:queue:paperdoll", end).decode() for end in (0, -1))
        slots = [int(client.hget(f"rq:job:{end}", "slot")) for end in (head, tail)]
        assert slots[1] - slots[0] == len(left) - 1, "the slots are consecutive: nothing was walked"


def waiting(client: redis.Redis) -> set[str]:
    """The ids that wait, which are the same in all three records."""
    listed, shops = client.lrange("rq:queue:paperdoll", 0, -1), client.keys("fitting-room:line:paperdoll:*")
    line, of_shops = client.zrange("fitting-room:line:paperdoll", 0, -1), [client.zrange(key, 0, -1) for key in shops]
    assert len(listed) == len(line) == sum(map(len, of_shops))
    assert set(listed) == set(line) == {one for each in of_shops for one in each}
    return {one.decode() for one in listed}


async def test_a_repeated_submission_of_one_generation_takes_nothing_twice(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    request = make_request()
    told = [await queue.submit(request, admit(limit=1)) for _ in range(2)]
    assert told == [Submission(request.generation_id)] * 2
    assert reservations(client) == (1, 1)
    assert client.llen("rq:queue:paperdoll") == 1


async def places(queue: GenerationQueue, generation_ids: list[str]) -> list[int | None]:
    found = [await queue.find(each, SHOP) for each in generation_ids]
    return [generation.queue_position if generation else None for generation in found]


async def test_a_job_that_another_rq_tool_ended_gives_back_what_it_took_however_many_others_have_ended(
    queue: GenerationQueue, client: redis.Redis, make_request: MakeRequest, admit: Admit
) -> None:
    old, new, ended = [(await queue.submit(make_request(), admit())).generation_id for _ in range(3)]
    for job in (old, new, ended):
        Job.fetch(job, connection=client).cancel()  # whose terms RQ has end at once
    others = {f"another-{number}": time.time() + 2000 for number in range(1000)}
    client.zadd("rq:canceled:paperdoll", others | {old: time.time() + 1000, new: time.time() + 3000})
    Leases(client, 30).tidy(["paperdoll"])
    settled = [client.hget(f"rq:job:{job}", "settled") for job in (new, ended)]
    assert settled == [b"refunded"] * 2  # at once
    for _ in range(10):  # and in turn what lies between
        Leases(client, 30).tidy(["paperdoll"])
    assert reservations(client) == (0, 0)
