"""Many simulated GPUs on one service: what they make, and what submit, status and pick-up cost meanwhile."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil
from redis import Redis

from scripts.bench.live import box
from scripts.bench.live.backlog import RETENTION_S
from scripts.bench.live.ledger import Record, records
from scripts.bench.live.probe import Probe
from scripts.bench.live.stack import Box, Stack

READY_WITHIN_S = 300.0
WARM_PICTURES = 2
STATUS_EVERY_S = 0.1  # a client's
NUM_CLIENTS = 4
NUM_PICKUPS = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """`num_gpus` simulated GPUs, `num_waiting` jobs kept waiting. `rate`: pictures a second; `ready_s`: of the start.

    `redis_share`: of one core, that Redis took.
    """

    num_gpus: int
    num_waiting: int
    rate: float
    ready_s: float
    redis_share: float
    submits_s: list[float]
    statuses_s: list[float]


@dataclass(frozen=True, slots=True)
class Idle:
    """`num_gpus` that wait. `pickups_s`: from a POST to the start of its job; the others are shares of one core."""

    num_gpus: int
    pickups_s: list[float]
    redis_share: float
    workers_share: float


class Farm:
    """A service whose boxes come and go. `submitted`: ids of what was asked for here."""

    def __init__(self, stack: Stack, probe: Probe, waiting: Sequence[str], chance: np.random.Generator) -> None:
        self.submitted: list[str] = []
        self._stack = stack
        self._probes = [probe, *(probe.another() for _ in range(NUM_CLIENTS - 1))]
        self._waiting = list(waiting)
        self._chance = chance
        self._list = f"rq:queue:{stack.queue}"

    def start(self, num_gpus: int, picture_s: float) -> tuple[Box, float]:
        """A box of so many GPUs that are ready, and the seconds until they were."""
        started = self._stack.add_box(box.argv(picture_s, num_gpus), num_gpus)
        return started, self._stack.wait_for_workers(num_gpus, READY_WITHIN_S)

    def busy(self, num_gpus: int, num_waiting: int, ready_s: float, picture_s: float, seconds: float) -> Cell:
        """The GPUs at work for `seconds`, while whatever they take is asked for again."""
        submit: list[float] = []
        status: list[float] = []
        self._feed(num_waiting, WARM_PICTURES * picture_s, [], [])
        since, cpu_s = time.time(), _cpu_s(self._stack.redis)
        self._feed(num_waiting, seconds, submit, status)
        redis_share = (_cpu_s(self._stack.redis) - cpu_s) / (time.time() - since)
        rate = _rate(self._ended(since, time.time()))
        return Cell(num_gpus, num_waiting, rate, ready_s, redis_share, submit, status)

    def idle(self, num_gpus: int, picture_s: float, seconds: float) -> Idle:
        """The GPUs once nothing waits any more: asked for one picture now and then, and for none for `seconds`."""
        self.drain()
        posted_at = {}
        for _ in range(NUM_PICKUPS):
            before = time.time()
            posted_at[self._submit(self._probes[0])] = before
            time.sleep(max(0.05, 1.5 * picture_s / num_gpus))
        self.drain()
        started = {record.generation_id: record.started_at for record in records(self._stack.redis, list(posted_at))}
        before, cpu_s, workers_s = time.time(), _cpu_s(self._stack.redis), self._workers_cpu_s()
        time.sleep(seconds)
        took_s = time.time() - before
        return Idle(
            num_gpus,
            [started[job] - at for job, at in posted_at.items()],
            (_cpu_s(self._stack.redis) - cpu_s) / took_s,
            (self._workers_cpu_s() - workers_s) / took_s,
        )

    def drain(self) -> None:
        """Until nothing waits or runs."""
        redis, started = self._stack.redis, f"rq:wip:{self._stack.queue}"
        while redis.llen(self._list) or redis.zcard(started):
            time.sleep(0.05)

    def _feed(self, num_waiting: int, seconds: float, submit: list[float], status: list[float]) -> None:
        """Several clients for `seconds`: where fewer wait than should, they submit, else they ask how a job stands."""
        until = time.time() + seconds

        def serve(probe: Probe) -> None:
            while (now := time.time()) < until:
                if int(self._stack.redis.llen(self._list)) < num_waiting:
                    self._submit(probe)
                    submit.append(time.time() - now)
                else:
                    probe.status(self._waiting[self._chance.integers(len(self._waiting))])
                    status.append(time.time() - now)
                    time.sleep(max(0.0, min(until, now + STATUS_EVERY_S) - time.time()))

        with ThreadPoolExecutor(NUM_CLIENTS) as clients:
            list(clients.map(serve, self._probes))

    def _submit(self, probe: Probe) -> str:
        job = probe.submit()
        self.submitted.append(job)
        self._waiting.append(job)
        return job

    def _ended(self, since: float, until: float) -> list[Record]:
        ids = self._stack.redis.zrangebyscore(
            f"rq:finished:{self._stack.queue}", since + RETENTION_S, until + RETENTION_S
        )
        return records(self._stack.redis, [job.decode() for job in ids])

    def _workers_cpu_s(self) -> float:
        boxes = [psutil.Process(each.process.pid) for each in self._stack.boxes if each.process.poll() is None]
        processes = itertools.chain.from_iterable(each.children() for each in boxes)
        return sum(sum(process.cpu_times()[:2]) for process in processes)


def _rate(ended: Sequence[Record]) -> float:
    """Pictures a second: of each worker by the time between its endings, so that no window cuts one in two."""
    times: dict[str, list[float]] = defaultdict(list)
    for record in ended:
        times[record.worker].append(record.ended_at)
    return sum((len(own) - 1) / (max(own) - min(own)) for own in times.values() if len(own) > 1)


def _cpu_s(redis: Redis) -> float:
    told = redis.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
