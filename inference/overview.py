"""What there is to see of the service in one look: queues, workers, and what has been counted of jobs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

from inference.scripts import BUCKETS, source

if TYPE_CHECKING:
    from redis import Redis

BEYOND = "inf"


@dataclass(frozen=True, slots=True)
class Distribution:
    """`counts` are of each bucket of `BUCKETS` alone, and of one beyond the last; `total` in seconds."""

    counts: tuple[int, ...]
    total: float

    @classmethod
    def of(cls, what: str, kept: dict[str, str]) -> Self:
        counts = tuple(int(kept.get(f"{what} {bound}", 0)) for bound in (*BUCKETS, BEYOND))
        return cls(counts, float(kept.get(f"{what} sum", 0)))

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus counts: (upper bound, how many were at most that)."""
        return list(zip((*BUCKETS, "+Inf"), map(float, accumulate(self.counts)), strict=True))

    def at_most(self, share: float) -> str:
        """The bound that this share of all did not exceed; empty when there was none."""
        wanted = share * sum(self.counts)
        within = next((bound for bound, number in self.buckets if number >= wanted), "+Inf")
        return "" if not wanted else f"> {BUCKETS[-1]} s" if within == "+Inf" else f"<= {within} s"


@dataclass(frozen=True, slots=True)
class ShopView:
    """A shop's part of a queue; its first job has waited for `oldest_s` seconds."""

    shop: str
    num_waiting: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class QueueView:
    """One card's queue. `shops`: those that have jobs in it.

    `pictures_at`: when its last pictures were finished, at most 64 of ten minutes, in seconds since the epoch.
    """

    card: str
    num_waiting: int
    num_running: int
    num_idle: int
    shops: tuple[ShopView, ...]
    pictures_at: tuple[float, ...]
    wait: Distribution
    job: Distribution

    @property
    def oldest_s(self) -> float:
        """Seconds for which its oldest waiting job has waited; 0 when none waits."""
        return max((shop.oldest_s for shop in self.shops), default=0.0)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One worker as its last heartbeat told it, `silent_s` ago; `jobs`: generation ids -> progress (0 to 1)."""

    name: str
    state: str
    cards: tuple[str, ...]
    stats: dict[str, float]
    silent_s: float
    is_ready: bool
    jobs: dict[str, float]


@dataclass(frozen=True, slots=True)
class JobCount:
    """`what` became of `number` jobs of `shop`: accepted, completed or failed, the last with its `code`."""

    what: str
    shop: str
    code: str
    number: int


@dataclass(frozen=True, slots=True)
class Overview:
    """`at` in seconds since the epoch, by Redis's clock."""

    at: float
    queues: tuple[QueueView, ...]
    workers: tuple[WorkerView, ...]
    jobs: tuple[JobCount, ...]

    @classmethod
    def of(cls, reply: Sequence[Any]) -> Self:
        """From what `overview.lua` returns."""
        moment, queues, workers, jobs = reply
        now = float(moment)
        return cls(
            now,
            tuple(sorted((_queue(row, now) for row in queues), key=lambda queue: queue.card)),
            tuple(sorted((_worker(row, now) for row in workers), key=lambda worker: worker.name)),
            tuple(_jobs(_pairs(jobs))),
        )

    @classmethod
    def look(cls, redis: Redis) -> Self:
        """For programs without an event loop."""
        return cls.of(redis.register_script(source("overview"))(args=[""]))


def _queue(row: Sequence[Any], now: float) -> QueueView:
    name, num_waiting, num_running, num_idle, shops, finished, kept = row
    seconds = _pairs(kept)
    return QueueView(
        name.decode(),
        num_waiting,
        num_running,
        num_idle,
        tuple(
            ShopView(shop.decode(), waiting, max(0.0, now - float(first or now)))
            for shop, waiting, first in zip(shops[::3], shops[1::3], shops[2::3], strict=True)
        ),
        tuple(map(float, finished)),
        Distribution.of("wait", seconds),
        Distribution.of("job", seconds),
    )


def _worker(row: Sequence[Any], now: float) -> WorkerView:
    name, state, cards, stats, told_at, ready_until, jobs = row
    return WorkerView(
        name.decode(),
        state.decode(),
        tuple(cards.decode().split(",")),
        defaultdict(float, json.loads(stats)),
        max(0.0, now - float(told_at)),
        bool(ready_until) and float(ready_until) > now,
        {generation_id: float(progress or 0) for generation_id, progress in _pairs(jobs).items()},
    )


def _jobs(kept: dict[str, str]) -> Iterator[JobCount]:
    for name, number in sorted(kept.items()):
        what, shop, code = name.split(" ")
        yield JobCount(what, shop, code, int(number))


def _pairs(flat: Sequence[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
