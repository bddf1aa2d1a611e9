"""Pictures that no generation is to have: stored just before it was cancelled, or by a worker that was killed then.

Whoever ends a job erases its picture. What nobody lived to erase, the purge finds here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from redis import Redis
from rq.job import Job, JobStatus

from inference.blobs import RESULTS

if TYPE_CHECKING:
    from inference.blobs import BlobStore

SETTLED_S = 3600.0  # a picture so old is nobody's who just ends its job
AT_ONCE = 500
WITHOUT_PICTURE = frozenset({JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED})


def purge_orphans(blobs: BlobStore, redis: Redis, older_than_s: float = SETTLED_S) -> int:
    """Erase the pictures of generations that ended without one, and tell how many."""
    erased = 0
    for keys in _batches(blobs.older(RESULTS, older_than_s)):
        for key in _without_picture(redis, keys):
            blobs.delete(key)
            erased += 1
    return erased


def _without_picture(redis: Redis, keys: Sequence[str]) -> list[str]:
    with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hget(Job.key_for(PurePosixPath(key).stem), "status")
        statuses = pipeline.execute()
    return [key for key, status in zip(keys, statuses, strict=True) if status and status.decode() in WITHOUT_PICTURE]


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(itertools.islice(keys, AT_ONCE)):
        yield batch
