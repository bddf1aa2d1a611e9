"""Rounds of load in which servers take turns, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field

from redis.asyncio import Redis

from inference.jobs import Admission, GenerationRequest, SlidingLimit, new_generation_id
from inference.queue import GenerationQueue
from scripts.bench.api_load import NUMBER, Outcome, Plan, load
from scripts.bench.api_servers import API_KEY, PHOTO, PRODUCT, SHOP, WAITING, BenchError, Server

WARM_S = 0.3
NUM_POLLED = 1000
AT_ONCE = 500
WEEK_S = 7 * 24 * 3600

HEAD = f"Host: 127.0.0.1\r\nx-api-key: {API_KEY}\r\nx-shopper-id: ".encode() + NUMBER + b"\r\n"
BODY = json.dumps({"userImageId": PHOTO, "productId": PRODUCT}).encode()
SUBMIT = b"POST /public/fitting-room HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    HEAD,
    len(BODY),
    BODY,
)


def status_of(generation_id: str) -> bytes:
    """The request that polls it."""
    return b"GET /public/generation/%s HTTP/1.1\r\n%s\r\n" % (generation_id.encode(), HEAD)


@dataclass(slots=True)
class Figures:
    """Of one server at one number of clients: a value a round. Milliseconds."""

    rate: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.rate.append(outcome.rate)
        self.p50_ms.append(outcome.percentile_ms(50))
        self.p99_ms.append(outcome.percentile_ms(99))


@dataclass(slots=True)
class Measured:
    submit: Figures = field(default_factory=Figures)
    status: Figures = field(default_factory=Figures)


def measure(
    subjects: Mapping[str, Server],
    clients: Sequence[int],
    *,
    rounds: int,
    measured_s: float,
    on_step: Callable[[], None],
) -> dict[tuple[str, int], Measured]:
    """By subject and number of clients, in turns, every second round backwards; each starts with what it had waiting.

    Raises:
        BenchError: a request was refused, or the jobs that wait afterwards are not those that were accepted.
    """
    found = {(name, num): Measured() for name in subjects for num in clients}
    number = 0  # of shoppers so far: each submits once
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as loader:
        for turn in range(rounds):
            for name, num in list(found) if turn % 2 == 0 else reversed(list(found)):
                server = subjects[name]
                before = server.redis.llen(WAITING)
                submitted = loader.submit(
                    load, Plan(server.port, num, WARM_S, measured_s, (SUBMIT,), first_number=number)
                ).result()
                number += submitted.num_answered + num
                _check(submitted, server.redis.llen(WAITING) - before)
                polls = tuple(map(status_of, submitted.job_ids[:NUM_POLLED]))
                polled = loader.submit(load, Plan(server.port, num, WARM_S, measured_s, polls)).result()
                _check(polled, None)
                _forget(server, submitted.job_ids)
                found[name, num].submit.add(submitted)
                found[name, num].status.add(polled)
                on_step()
    return found


def _check(outcome: Outcome, num_queued: int | None) -> None:
    if not outcome.latencies_s:
        raise BenchError("Nothing was answered while it was measured: give it more --seconds.")
    if outcome.num_refused:
        raise BenchError(f"{outcome.num_refused} requests were refused, the first with {outcome.first_refusal}")
    if num_queued is not None and num_queued != outcome.num_answered:
        raise BenchError(f"{outcome.num_answered} submissions were accepted, and {num_queued} jobs wait.")


def _forget(server: Server, generation_ids: Sequence[str]) -> None:
    """What the round has added, so that each begins alike."""
    with server.redis.pipeline(transaction=False) as pipe:
        pipe.ltrim(WAITING, 0, -1 - len(generation_ids))
        pipe.hincrby("fitting-room:turns:paperdoll", "tail", -len(generation_ids))
        for generation_id in generation_ids:
            pipe.zrem("fitting-room:line:paperdoll", generation_id)
            pipe.zrem(f"fitting-room:line:paperdoll:{SHOP}", generation_id)
            pipe.delete(f"rq:job:{generation_id}")
        pipe.execute()


async def fill(url: str, num_waiting: int) -> None:
    """Let this many generations wait, queued as the API queues them."""
    async with (
        Redis.from_url(url) as redis,
        aclosing(GenerationQueue(redis, max_length=10**9, retention_s=WEEK_S)) as queue,
    ):
        for start in range(0, num_waiting, AT_ONCE):
            waiting = range(start, min(num_waiting, start + AT_ONCE))
            await asyncio.gather(*(queue.submit(_request(), _admission(number)) for number in waiting))


def _request() -> GenerationRequest:
    return GenerationRequest(
        new_generation_id(), SHOP, "filler", PHOTO, "garments/one.png", "upper", "paperdoll", seed=1
    )


def _admission(number: int) -> Admission:
    return Admission(SHOP, (SlidingLimit(f"filler-{number}", 10, WEEK_S),), 10**9)
