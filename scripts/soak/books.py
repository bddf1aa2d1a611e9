"""The service's books, read from Redis and the store: every job, its endings, its picture, and what it took."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from rq.job import JobStatus

from inference.blobs import RESULTS
from inference.jobs import Status
from inference.records import STATUSES
from scripts.soak.estate import Estate

JOB = "rq:job:"
REGISTRIES = ("finished", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class Entry:
    """One job. `retries_left`: how many workers it may still outlive; `num_endings`: of registries and results."""

    generation_id: str
    rq_status: str
    error_code: str
    result_key: str
    limits: tuple[str, ...]
    quota: str
    retries_left: int
    num_endings: int

    @property
    def status(self) -> Status:
        return STATUSES.get(JobStatus(self.rq_status), Status.PENDING)

    @property
    def took(self) -> bool:
        """Whether it counts against quota and limits."""
        return self.status is not Status.FAILED


@dataclass
class Books:
    """Everything at one moment. `pictures`: keys below results/; `left_over`: records that no ended job has."""

    entries: dict[str, Entry]
    pictures: set[str]
    quotas: Counter[str]
    limits: dict[str, set[str]]
    left_over: list[str] = field(default_factory=list)

    @property
    def open(self) -> list[str]:
        return [entry.generation_id for entry in self.entries.values() if not entry.status.is_final]

    @property
    def doubled(self) -> list[str]:
        return [entry.generation_id for entry in self.entries.values() if entry.num_endings > 1]

    @property
    def without_reason(self) -> list[str]:
        failed = (entry for entry in self.entries.values() if entry.status is Status.FAILED)
        return [entry.generation_id for entry in failed if not entry.error_code]

    @property
    def without_picture(self) -> list[str]:
        """COMPLETED, and the picture is not there."""
        done = (entry for entry in self.entries.values() if entry.status is Status.COMPLETED)
        return [entry.generation_id for entry in done if entry.result_key not in self.pictures]

    @property
    def pictures_without_job(self) -> set[str]:
        return self.pictures - {entry.result_key for entry in self.entries.values() if entry.status is Status.COMPLETED}

    @property
    def counter_drift(self) -> int:
        """By how much the counters differ from a recount of the jobs: of quotas, and members of weekly limits."""
        quotas: Counter[str] = Counter(entry.quota for entry in self.entries.values() if entry.took)
        limits: dict[str, set[str]] = defaultdict(set)
        for entry in self.entries.values():
            for limit in entry.limits if entry.took else ():
                limits[limit].add(entry.generation_id)
        of_quotas = sum(abs(quotas[key] - self.quotas[key]) for key in {*quotas, *self.quotas})
        empty: set[str] = set()
        of_limits = sum(len(limits.get(key, empty) ^ self.limits.get(key, empty)) for key in {*limits, *self.limits})
        return of_quotas + of_limits


def read(estate: Estate) -> Books:
    """The books as they stand."""
    redis = estate.redis
    ids = [key.decode().removeprefix(JOB) for key in redis.scan_iter(f"{JOB}gen_*", count=1000)]
    endings = _endings(redis, estate.queue, ids)
    quotas = {key.decode(): int(redis.get(key) or 0) for key in redis.scan_iter("fitting-room:quota:*", count=1000)}
    limits = {key.decode(): set(_members(redis, key)) for key in redis.scan_iter("fitting-room:limit:*", count=1000)}
    left_over = [key.decode() for key in redis.scan_iter("rq:execution:*", count=1000)]
    for key in (f"rq:queue:{estate.queue}", f"fitting-room:line:{estate.queue}", f"rq:wip:{estate.queue}"):
        left_over += [key] * bool(redis.exists(key))
    return Books(
        {each: _entry(each, row, endings[each]) for each, row in zip(ids, _rows(redis, ids), strict=True)},
        _pictures(estate.folder / "blobs"),
        Counter(quotas),
        limits,
        left_over,
    )


def _pictures(blobs_folder: Path) -> set[str]:
    files = (blobs_folder / RESULTS).rglob("*.png")
    return {str(file.relative_to(blobs_folder)) for file in files}


def _rows(redis: Redis, ids: Iterable[str]) -> list[Mapping[bytes, bytes]]:
    with redis.pipeline(transaction=False) as pipeline:
        for each in ids:
            pipeline.hgetall(f"{JOB}{each}")
        return list(pipeline.execute())


def _endings(redis: Redis, queue: str, ids: list[str]) -> Counter[str]:
    """How often each ended: the larger of its results and the registries that have it."""
    registered: Counter[str] = Counter(
        member for registry in REGISTRIES for member in _members(redis, f"rq:{registry}:{queue}".encode())
    )
    with redis.pipeline(transaction=False) as pipeline:
        for each in ids:
            pipeline.xlen(f"rq:results:{each}")
        results = dict(zip(ids, pipeline.execute(), strict=True))
    return Counter({each: max(registered[each], results[each]) for each in ids})


def _members(redis: Redis, key: bytes) -> list[str]:
    members: Any = redis.zrange(key, 0, -1)
    return [member.decode() for member in members]


def _entry(generation_id: str, row: Mapping[bytes, bytes], num_endings: int) -> Entry:
    told = {name.decode(): value for name, value in row.items() if name != b"data"}
    reserved: dict[str, Any] = json.loads(told.get("reserved", b"{}"))
    return Entry(
        generation_id,
        told["status"].decode(),
        told.get("error_code", b"").decode(),
        told.get("result_key", b"").decode(),
        tuple(reserved.get("limits", ())),
        reserved.get("quota", ""),
        int(told.get("retries_left", b"0")),
        num_endings,
    )
