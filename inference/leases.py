"""Who runs what, and until when: claims, their renewal, their end, and taking them back from the dead."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from redis import Redis
from rq.job import Job, JobStatus
from rq.results import Result

from inference.jobs import ErrorCode, GenerationRequest
from inference.records import UNCONNECTED
from inference.scripts import source
from models.exactness import Optimisation

REACH = 64  # how far behind the head a batch looks for company
IDLE_S = 3.0  # a worker that waits looks every second
WITH_PICTURE = frozenset({JobStatus.QUEUED, JobStatus.STARTED, JobStatus.FINISHED})
RETURN, FAILURE = Result.Type.SUCCESSFUL, Result.Type.FAILED


@dataclass(frozen=True, slots=True)
class Claim:
    """One job that this worker runs. `started_at` in seconds since the epoch."""

    queue: str
    generation_id: str
    execution_id: str
    request: GenerationRequest | None  # None when it is not a job of ours
    timeout_s: int
    started_at: float


class Verdict(StrEnum):
    """What a renewal says of a claim."""

    HELD = "held"
    CANCEL = "cancel"  # held, and to be stopped
    LOST = "lost"  # someone else's now


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claim ends: with the key of its picture, or an error; `details` are for the operator."""

    result_key: str | None = None
    warnings: tuple[str, ...] = ()
    optimisations: tuple[Optimisation, ...] = ()
    error_code: ErrorCode | None = None
    error_message: str = ""
    details: str = ""

    @property
    def rq_status(self) -> JobStatus:
        if self.error_code is None:
            return JobStatus.FINISHED
        return JobStatus.STOPPED if self.error_code is ErrorCode.CANCELLED else JobStatus.FAILED


class Leases:
    """Leases of `lease_s` seconds over one Redis. Every call is one script: it happens wholly or not at all.

    Give it a client that does not repeat commands by itself: a repeated claim claims twice.
    """

    def __init__(self, redis: Redis, lease_s: float) -> None:
        self.lease_s = lease_s
        self._redis = redis
        self._claim = redis.register_script(source("claim"))
        self._pulse = redis.register_script(source("pulse"))
        self._finish = redis.register_script(source("finish"))
        self._reclaim = redis.register_script(source("reclaim"))
        self._bury = redis.register_script(source("bury"))
        self._tidy = redis.register_script(source("tidy"))

    def claim(self, worker: str, queues: Sequence[str], max_jobs: int, *, ahead: bool = False) -> list[Claim]:
        """The next job of the first queue that has one, with at most `max_jobs - 1` that can share its batch.

        A worker that finds nothing counts as idle for a while; one that claims `ahead` leaves it what it could take.
        """
        executions = [uuid4().hex for _ in range(max_jobs)]
        how = [self.lease_s, REACH, "" if ahead else IDLE_S]
        reply = self._claim(args=["", worker, *how, len(queues), *queues, *executions])
        return [_claimed(reply[0].decode(), row) for row in reply[1:]]

    def pulse(
        self, worker: str, ttl_s: int, running: Mapping[Claim, float | None], stats: str = "{}"
    ) -> tuple[bool, str, dict[Claim, Verdict]]:
        """Renew the worker and what it runs; write the progress (0 to 1) that is not None, and what the worker counts.

        Returns whether the worker was still registered, the last erasure's word, and what has become of each claim.
        """
        jobs: list[str | float] = []
        for claim, progress in running.items():
            jobs += [claim.queue, claim.generation_id, claim.execution_id, "" if progress is None else progress]
        registered, erased, *verdicts = self._pulse(args=["", worker, self.lease_s, ttl_s, stats, *jobs])
        told = {claim: Verdict(verdict.decode()) for claim, verdict in zip(running, verdicts, strict=True)}
        return registered == b"1", erased.decode(), told

    def finish(self, worker: str, claim: Claim, ending: Ending) -> JobStatus | None:
        """End a claim, and tell how, for it may have been cancelled; None when its lease was lost, and with it the
        right to say how the job ended."""
        ended_at = time.time()
        fields = _present(
            progress="1" if ending.error_code is None else None,
            result_key=ending.result_key,
            warnings=json.dumps(ending.warnings) if ending.warnings else None,
            optimisations=json.dumps([one.as_dict() for one in ending.optimisations]) if ending.optimisations else None,
            error_code=ending.error_code,
            error_message=ending.error_message or None,
        )
        result = _result(worker, claim, ending, ended_at)
        status = ending.rq_status.value
        took_s = ended_at - claim.started_at
        where = [claim.queue, claim.generation_id, claim.execution_id, worker, status, took_s]
        args: list[Any] = ["", *where, len(fields), *fields, *result]
        told: bytes = self._finish(args=args)
        return JobStatus(told.decode()) if told else None

    def wants_picture(self, claim: Claim) -> bool:
        """Whether its job has a picture, or may still get one; False when it ended without, or was erased."""
        status: Any = self._redis.hget(Job.key_for(claim.generation_id), "status")
        return status is not None and status.decode() in WITH_PICTURE

    def hand_back(self, claim: Claim) -> None:
        """Put a claim back at the front of its queue, at no cost to its retries."""
        self._reclaim(args=["", "execution", 0, claim.queue, claim.generation_id, claim.execution_id])

    def reclaim(self, worker: str, *, price: int, but: Iterable[Claim] = ()) -> list[str]:
        """Take back all that `worker` runs `but` these, at `price` retries each; ids of those that wait again."""
        kept = [claim.execution_id for claim in but]
        return [waiting.decode() for waiting in self._reclaim(args=["", "worker", price, worker, *kept])]

    def sweep(self, queues: Sequence[str]) -> list[str]:
        """Take back every claim whose lease is over, at one retry each; ids of those that wait again."""
        return [waiting.decode() for waiting in self._reclaim(args=["", "expired", 1, *queues])]

    def bury(self, worker: str, queues: Sequence[str]) -> bool:
        """Remove the registration of a worker that is gone; whether it ever had its model loaded."""
        return bool(self._bury(args=[worker, *queues]))

    def tidy(self, queues: Sequence[str]) -> None:
        """Drop from RQ's registries what is over its term; refund what other RQ tools have cancelled or failed."""
        self._tidy(args=["", *queues])


def _claimed(queue: str, row: Sequence[Any]) -> Claim:
    generation_id, execution_id, request, timeout_s = row
    return Claim(
        queue=queue,
        generation_id=generation_id.decode(),
        execution_id=execution_id.decode(),
        request=_readable(request),
        timeout_s=timeout_s,
        started_at=time.time(),
    )


def _readable(request: bytes) -> GenerationRequest | None:
    try:
        return GenerationRequest.from_json(request.decode())
    except (TypeError, ValueError):
        return None


def _present(**values: str | None) -> list[str]:
    return [part for name, value in values.items() if value is not None for part in (name, value)]


def _result(worker: str, claim: Claim, ending: Ending, ended_at: float) -> list[Any]:
    """RQ's own record of a result, flat."""
    result = Result(
        job_id=claim.generation_id,
        type=RETURN if ending.error_code is None else FAILURE,
        connection=UNCONNECTED,
        return_value=ending.result_key,
        exc_string=ending.details or ending.error_message or None,
        worker_name=worker,
        execution_id=claim.execution_id,
        execution_started_at=datetime.fromtimestamp(claim.started_at, UTC),
        execution_ended_at=datetime.fromtimestamp(ended_at, UTC),
    )
    return [part for field in result.serialize().items() for part in field]
