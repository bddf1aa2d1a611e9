"""The RQ job as the record of a generation: what is written on its hash, and how a generation is read from it."""

from __future__ import annotations

import json
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from redis import Redis
from rq import Retry
from rq.job import Job, JobStatus
from rq.serializers import DefaultSerializer

from inference.jobs import ErrorCode, Generation, GenerationRequest, Status
from models.exactness import Optimisation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LABEL = "fitting_room.generate"  # names no function: the worker reads `request`, and unpickles nothing
UNCONNECTED = Redis()  # RQ wants a connection to build a job; this one never connects

STATUSES = {
    JobStatus.STARTED: Status.PROCESSING,
    JobStatus.FINISHED: Status.COMPLETED,
    JobStatus.FAILED: Status.FAILED,
    JobStatus.STOPPED: Status.FAILED,
    JobStatus.CANCELED: Status.FAILED,
}
"""RQ's states that are not PENDING."""

UNEXPLAINED = {
    JobStatus.STOPPED: (ErrorCode.CANCELLED, "This generation was cancelled."),
    JobStatus.CANCELED: (ErrorCode.CANCELLED, "This generation was cancelled."),
    JobStatus.FAILED: (ErrorCode.INTERNAL, "The picture could not be made. Please try again."),
}
"""What is told when another RQ tool ended the job without a reason."""


def job_fields(
    request: GenerationRequest, *, timeout_s: int, retention_s: int, retries: int
) -> dict[str, str | bytes | int | float]:
    """The hash of a job that any RQ tool can read; times and status are left to the script that queues it."""
    fields = {
        **_alike(request.card, timeout_s, retention_s, retries),
        "data": zlib.compress(DefaultSerializer.dumps((LABEL, None, (request.generation_id,), {}))),
        "description": f"{request.category} on {request.card} for {request.shop}",
        "shop": request.shop,
        "request": request.to_json(),
        "batch_key": str(request.batch_key),
        "garment": request.garment_key,
    }
    if request.webhook:
        fields["webhook_wanted"] = "1"
    return fields


@lru_cache(maxsize=64)
def _alike(card: str, timeout_s: int, retention_s: int, retries: int) -> Mapping[str, str | bytes | int | float]:
    """What RQ writes of every job of this kind: making one for each costs more than queueing it."""
    job = Job.create(
        LABEL,
        origin=card,
        timeout=timeout_s,
        result_ttl=retention_s,
        failure_ttl=retention_s,
        connection=UNCONNECTED,
    )
    job.retries_left = Retry(max=retries).max
    return job.to_dict() | {"status": str(JobStatus.QUEUED.value), "progress": "0"}


def generation(generation_id: str, snapshot: Sequence[bytes | int | None]) -> Generation:
    """What `find.lua` and `cancel.lua` return, as the API tells it."""
    texts = [value.decode() if isinstance(value, bytes) else None for value in snapshot[:8]]
    shop, rq_status, submitted_at, updated_at, progress, result_key, error_code, error_message = texts
    state = JobStatus(rq_status or JobStatus.QUEUED)
    status = STATUSES.get(state, Status.PENDING)
    error: tuple[ErrorCode | None, str | None] = (None, None)
    if status is Status.FAILED:
        error = (ErrorCode(error_code), error_message) if error_code else UNEXPLAINED[state]
    position, warnings, optimisations = snapshot[8:11]
    return Generation(
        generation_id=generation_id,
        shop=shop or "",
        status=status,
        created_at=float(submitted_at or 0),
        updated_at=float(updated_at or 0),
        progress=1.0 if status is Status.COMPLETED else float(progress or 0),
        queue_position=position if isinstance(position, int) else None,
        result_key=result_key if status is Status.COMPLETED else None,
        warnings=tuple(_listed(warnings)),
        optimisations=tuple(map(Optimisation.of, _listed(optimisations))),
        error_code=error[0],
        error_message=error[1],
    )


def _listed(field: bytes | int | None) -> list[Any]:
    return list(json.loads(field)) if isinstance(field, bytes) else []
