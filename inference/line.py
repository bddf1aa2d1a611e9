"""Where a worker stands in line for jobs: it claims them, waits for them, and gives them back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

from inference.batching import BatchPolicy, wait_for_company_s
from inference.leases import Claim, Leases
from inference.patience import is_away
from inference.scripts import BELL

LOOK_EVERY_S = 1.0  # for jobs that rang for nobody
AWAY_S = 0.2


class Line:
    """One worker's place. `held`: the claims that it knows of."""

    def __init__(
        self, leases: Leases, redis: Redis, worker: str, queues: Sequence[Queue], held: Callable[[], Iterable[Claim]]
    ) -> None:
        self._leases, self._redis, self._worker, self._held = leases, redis, worker, held
        self._queues = {BELL + queue.name: queue for queue in queues}
        self._names = [queue.name for queue in queues]
        self._is_unanswered = False

    def claim(self, max_jobs: int, *, ahead: bool) -> list[Claim]:
        """The next batch; nothing when there is none, or Redis is away: what it claimed unheard goes back first."""
        try:
            if self._is_unanswered:
                self._leases.reclaim(self._worker, price=0, but=self._held())
            self._is_unanswered = True
            claims = self._leases.claim(self._worker, self._names, max_jobs, ahead=ahead)
        except RedisError as error:
            _pause_if_away(error)
            return []
        self._is_unanswered = False
        return claims

    def wait(self, policy: BatchPolicy) -> None:
        """Until a job rings for this worker, and company for it had its time; a while without a ring ends it too, for
        one can be lost."""
        try:
            rung: Any = self._redis.blpop(list(self._queues), timeout=LOOK_EVERY_S)
            if rung is not None:
                queue = self._queues[rung[0].decode()]
                time.sleep(wait_for_company_s(policy, self._redis.llen(queue.key)))
        except RedisError as error:
            _pause_if_away(error)

    def hand_back(self, claim: Claim) -> None:
        """To the front of its queue, at no cost."""
        self._leases.hand_back(claim)


def _pause_if_away(error: RedisError) -> None:
    if not is_away(error):
        raise error
    time.sleep(AWAY_S)
