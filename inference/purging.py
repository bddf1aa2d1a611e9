"""What is over its term goes: pictures, records of what never ran, notes, and what Redis wrote of them to its disk."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError

from inference.blobs import purge_personal
from inference.erasing import AT_A_TIME, Eraser
from inference.holdings import KEPT
from inference.orphans import purge_orphans
from inference.scripts import UNWANTED

if TYPE_CHECKING:
    from redis import Redis

    from inference.blobs import BlobStore, Terms

REWRITTEN = "fitting-room:rewritten"
REWRITE_EVERY_S = 86400


class Purge:
    """Called now and then by every supervisor; what two do at once is done once."""

    def __init__(self, redis: Redis, blobs: BlobStore, terms: Terms) -> None:
        self._redis, self._blobs, self._terms = redis, blobs, terms

    def __call__(self, now: float | None = None) -> None:
        """`now` in seconds since the epoch, if not by the clock.

        Raises:
            redis.exceptions.RedisError: Redis is away; by then the pictures are gone.
        """
        now = time.time() if now is None else now
        purge_personal(self._blobs, self._terms, now)
        purge_orphans(self._blobs, self._redis)
        self._delete_unwanted(now)
        self._erase_never_run(now)
        self._trim_notes(now)
        self._rewrite()

    def _delete_unwanted(self, now: float) -> None:
        pictures: Any = self._redis.zrange(UNWANTED, 0, -1)
        for picture in pictures:
            self._blobs.delete(picture.decode())
        self._redis.zremrangebyscore(UNWANTED, "-inf", now)

    def _erase_never_run(self, now: float) -> None:
        """A record expires after its end; one that still waits has none, and its photograph is gone."""
        eraser = Eraser(self._redis, self._blobs)
        for record in eraser.records():
            if record.status == "queued" and record.submitted_at < now - self._terms.result_s:
                eraser.generation(record.shop, record.generation_id)

    def _trim_notes(self, now: float) -> None:
        for key in self._redis.scan_iter(f"{KEPT}*", AT_A_TIME):
            self._redis.zremrangebyscore(key, "-inf", now - self._terms.longest_s)

    def _rewrite(self) -> None:
        """Redis's append-only file tells every command since it was last written anew, which a small one never is."""
        if self._redis.set(REWRITTEN, "", nx=True, ex=REWRITE_EVERY_S):
            with contextlib.suppress(ResponseError):  # it has none, is just at it, or its host does not let us
                self._redis.bgrewriteaof()
