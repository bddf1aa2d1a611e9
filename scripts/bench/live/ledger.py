"""What the service's own records say: when each job waited, ran and ended, and what its workers counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

STATISTICS = "fitting-room:worker:"
BEAT_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Record:
    """A job as Redis has it; times in seconds since the epoch, 0 when that has not happened."""

    generation_id: str
    status: str
    submitted_at: float
    started_at: float
    ended_at: float
    worker: str

    @property
    def queue_s(self) -> float:
        return self.started_at - self.submitted_at


def records(redis: Redis, generation_ids: Sequence[str]) -> list[Record]:
    """The jobs' records; one that is nowhere has the status `lost`."""
    names = ["status", "submitted_at", "started_at", "ended_at", "worker_name"]
    with redis.pipeline(transaction=False) as pipeline:
        for generation_id in generation_ids:
            pipeline.hmget(f"rq:job:{generation_id}", names)
        rows = pipeline.execute()
    return [_record(generation_id, row) for generation_id, row in zip(generation_ids, rows, strict=True)]


def counted(redis: Redis) -> Counter[str]:
    """What the living workers have counted since they started, all together, as of now: waits for their next beat."""
    asked_at, give_up_at = time.time(), time.monotonic() + BEAT_WITHIN_S
    while True:
        rows: list[Any] = [redis.hmget(key, ["stats", "updated_at"]) for key in redis.scan_iter(STATISTICS + "*")]
        if all(float(at or 0) > asked_at for _, at in rows) or time.monotonic() > give_up_at:
            break
        time.sleep(0.05)
    total: Counter[str] = Counter()
    for stats, _ in rows:
        total.update(json.loads(stats or "{}"))
    return total


def _record(generation_id: str, row: Sequence[bytes | None]) -> Record:
    status, submitted_at, started_at, ended_at, worker = (value.decode() if value else "" for value in row)
    return Record(
        generation_id,
        status or "lost",
        float(submitted_at or 0),
        _seconds(started_at),
        _seconds(ended_at),
        worker,
    )


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp() if iso else 0.0
