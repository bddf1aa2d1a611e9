"""One request at a time, timed: over HTTP as clients pay for it, and in Redis as the server does."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis import Redis

from inference.leases import Claim, Ending, Leases

T = TypeVar("T")
TIMEOUT_S = 60.0
KEPT_S = 2.0  # a connection nothing is asked on
LEASE_S = 600.0
SCRIPT = "cmdstat_evalsha"


@dataclass
class Cost:
    """Seconds of calls as the caller saw them, and microseconds that Redis's only thread spent on each."""

    seconds: list[float] = field(default_factory=list)
    redis_us: list[float] = field(default_factory=list)


class Probe:
    """A client of the API at `url`, and a worker by the name `bench` that claims jobs and makes nothing of them."""

    def __init__(self, url: str, redis: Redis, queue: str, wanted: dict[str, str]) -> None:
        self._url = url
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self._redis = redis
        self._queue = queue
        self._wanted = wanted
        self._leases = Leases(redis, LEASE_S)
        self._asked_at = 0.0

    def another(self) -> Probe:
        """With a connection of its own."""
        return Probe(self._url, self._redis, self._queue, self._wanted)

    def submit(self) -> str:
        reply = self._ask("POST", "/public/fitting-room", json.dumps(self._wanted))
        assert reply.get("jobId"), reply
        return str(reply["jobId"])

    def status(self, generation_id: str) -> dict[str, Any]:
        return self._ask("GET", f"/public/generation/{generation_id}")

    def cancel(self, generation_id: str) -> dict[str, Any]:
        return self._ask("DELETE", f"/public/generation/{generation_id}")

    def claim(self) -> Claim:
        (claim,) = self._leases.claim("bench", [self._queue], 1)
        return claim

    def finish(self, claim: Claim) -> None:
        ended = self._leases.finish("bench", claim, Ending(result_key="results/none.png"))
        assert ended, "the lease was lost"

    def sweep(self) -> None:
        self._leases.sweep([self._queue])

    def close(self) -> None:
        self._http.close()
        self._leases.bury("bench", [self._queue])

    def timed(self, cost: Cost, calls: Sequence[Callable[[], T]]) -> list[T]:
        """The calls' results; what they cost goes into `cost`."""
        results, before = [], self._scripts()
        for call in calls:
            started = time.perf_counter()
            results.append(call())
            cost.seconds.append(time.perf_counter() - started)
        num_calls, microseconds = (after - earlier for after, earlier in zip(self._scripts(), before, strict=True))
        cost.redis_us.append(microseconds / max(1, num_calls))
        return results

    def _scripts(self) -> tuple[int, int]:
        """Script calls so far, and the microseconds that they took in all."""
        told: Any = self._redis.info("commandstats")
        stats = told.get(SCRIPT, {"calls": 0, "usec": 0})
        return int(stats["calls"]), int(stats["usec"])

    def _ask(self, verb: str, path: str, body: str | None = None) -> dict[str, Any]:
        if time.monotonic() > self._asked_at + KEPT_S:
            self._http.close()  # the server does as well, and this opens it again
        self._asked_at = time.monotonic()
        self._http.request(verb, path, body, {"Content-Type": "application/json"} if body else {})
        reply = self._http.getresponse()
        told: dict[str, Any] = json.loads(reply.read())
        assert reply.status == 200, told
        return told
