"""The queue as the API sees it: submit, find, cancel, watch. Every change is one round trip and one transaction."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from inference.jobs import Admission, Generation, GenerationRequest, Refusal, Submission
from inference.overview import Overview
from inference.records import generation, job_fields
from inference.scripts import CHANGED, IDEMPOTENCY, source
from inference.shared_connection import Script, SharedConnection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

RETRIES = 2  # how often a job outlives the worker that ran it: the third that it kills is the last
JOB_TIMEOUT_S = 600
LOOK_AGAIN_S = 2.0  # a change of place in the queue is not announced


def count_ready_workers(redis: Redis) -> int:
    """Workers that are alive and have their model loaded, for programs without an event loop."""
    return int(redis.register_script(source("ready"))(args=["", ""]))


class GenerationQueue:
    """Generations of every card over one Redis 6.2 or newer (not Redis Cluster); the card names the RQ queue.

    Commands share one connection, of one event loop, until `aclose`; `redis` lends one to each who watches.

    `clock`: seconds since the epoch, for tests; by default Redis's own clock decides, so that all machines agree.
    """

    def __init__(
        self,
        redis: AsyncRedis,
        *,
        max_length: int,
        retention_s: int,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._redis = redis
        self._max_length = max_length
        self._retention_s = retention_s
        self._clock = clock
        self._commands = SharedConnection(redis.connection_pool)
        self._submit = self._script("submit")
        self._find = self._script("find")
        self._cancel = self._script("cancel")
        self._quota = self._script("quota")
        self._ready = self._script("ready")
        self._overview = self._script("overview")

    def _script(self, name: str) -> Script:
        return Script(self._commands, source(name))

    async def aclose(self) -> None:
        """Give up the connection that commands share."""
        await self._commands.aclose()

    async def submit(
        self, request: GenerationRequest, admission: Admission, *, idempotency: tuple[str, str] | None = None
    ) -> Submission:
        """Reserve what `admission` takes and queue the job, or refuse and take nothing.

        `idempotency`: a key scoped to shop and shopper, and a digest of what was asked. The same pair answers with the
        first generation, even when the queue is full; the same key with another digest is a conflict.
        """
        terms: dict[str, Any] = {
            "limits": [
                {"identity": limit.identity, "maximum": limit.maximum, "window_s": limit.window_s}
                for limit in admission.limits
            ],
            "quota": admission.monthly_quota,
            "weight": admission.weight,
            "leaves_room": admission.leaves_room,
        }
        if admission.owner:
            terms["owner"] = admission.owner
        if idempotency is not None:
            terms["idempotency"] = {"key": f"{admission.shop}:{idempotency[0]}", "digest": idempotency[1]}
        fields = job_fields(request, timeout_s=JOB_TIMEOUT_S, retention_s=self._retention_s, retries=RETRIES)
        reply = await self._submit(
            self._now(),
            request.generation_id,
            request.card,
            admission.shop,
            self._max_length,
            self._retention_s,
            json.dumps(terms),
            *(part for field in fields.items() for part in field),
        )
        generation_id, refusal, retry_after_s = reply
        return Submission(generation_id.decode(), Refusal(refusal.decode()) if refusal else None, retry_after_s)

    async def repeated(self, shop: str, idempotency: tuple[str, str]) -> Submission | None:
        """What `submit` answers to this pair again, or None when its key is new."""
        key, digest = idempotency
        first: list[bytes | None] = await self._commands.ask("HMGET", f"{IDEMPOTENCY}{shop}:{key}", "digest", "id")
        known_digest, generation_id = first
        if known_digest is None or generation_id is None:
            return None
        if known_digest.decode() != digest:
            return Submission("", Refusal.IDEMPOTENCY_CONFLICT)
        return Submission(generation_id.decode())

    async def find(self, generation_id: str, shop: str) -> Generation | None:
        """The generation as it stands, or None when this shop has no such one."""
        reply = await self._find(generation_id, shop)
        return generation(generation_id, reply) if reply else None

    async def cancel(self, generation_id: str, shop: str) -> Generation | None:
        """End a waiting generation now, a running one between two steps; what it took is given back.

        Returns it as it stands then (a running one still runs), or None when this shop has no such one.
        """
        reply = await self._cancel(self._now(), generation_id, shop)
        return generation(generation_id, reply) if reply else None

    async def watch(self, generation_id: str, shop: str) -> AsyncGenerator[Generation, None]:
        """The generation now and after every change, the final state last; nothing when this shop has no such one."""
        told: Generation | None = None
        async with self._redis.pubsub() as changes:
            await changes.subscribe(CHANGED + generation_id)
            await changes.get_message(timeout=LOOK_AGAIN_S)  # that it listens: no change is missed from here on
            while (found := await self.find(generation_id, shop)) is not None:
                if found != told:
                    yield found
                    told = found
                if found.status.is_final:
                    return
                await self._wait_for_change(changes)

    async def _wait_for_change(self, changes: Any) -> None:
        give_up_at = time.monotonic() + LOOK_AGAIN_S
        while (left_s := give_up_at - time.monotonic()) > 0:
            message = await changes.get_message(timeout=left_s)
            if message is not None and message["type"] == "message":
                return

    async def quota_left(self, shop: str, monthly_quota: int) -> int:
        """Generations this shop has left in this calendar month (UTC)."""
        taken = await self._quota(self._now(), shop)
        return max(0, monthly_quota - int(taken))

    async def ready_workers(self, card: str = "") -> int:
        """Workers of this card, or of any when none is named, that are alive and have their model loaded."""
        return int(await self._ready(self._now(), card))

    async def overview(self) -> Overview:
        """What there is to see of all cards, shops and workers."""
        return Overview.of(await self._overview(self._now()))

    def _now(self) -> str:
        return "" if self._clock is None else repr(self._clock())
