"""Load on an HTTP server: clients that each send their next request as soon as the last one is answered.

A protocol of our own with bytes made beforehand: Python's HTTP clients cost more for each request than the server
under test, on the same cores, and would be what is measured.
"""

from __future__ import annotations

import asyncio
import gc
import re
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, cast

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = b"{number}"
JOB_ID = re.compile(rb'"jobId":"(\w[\w-]*)"')
STUCK_AFTER_S = 30.0
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one process sends to a port of this machine: first `warm_s` seconds unmeasured, then `measured_s` measured.

    `requests`: whole HTTP/1.1 requests, sent by turns; `NUMBER` in one becomes the count of requests, in ten digits.
    """

    port: int
    num_clients: int
    warm_s: float
    measured_s: float
    requests: tuple[bytes, ...]
    first_number: int = 0


@dataclass(slots=True)
class Outcome:
    """What came back. `latencies_s` and `elapsed_s` are of the measured part, the others of all."""

    latencies_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    num_answered: int = 0
    num_refused: int = 0  # another status than 200, or a generation that was blocked
    job_ids: list[str] = field(default_factory=list)
    first_refusal: str = ""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies_s) / self.elapsed_s

    def percentile_ms(self, percent: float) -> float:
        """The latency that `percent` of the requests do not exceed, in milliseconds."""
        ranked = sorted(self.latencies_s)
        return 1000 * ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def load(plan: Plan) -> Outcome:
    """Carry out the plan; for a process of its own, which it takes for itself."""
    gc.disable()  # it makes no cycles, and its pauses would count as the server's
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(plan))


async def _load(plan: Plan) -> Outcome:
    loop, outcome = asyncio.get_running_loop(), Outcome(elapsed_s=plan.measured_s)
    measured_from = time.perf_counter() + plan.warm_s
    window = (measured_from, measured_from + plan.measured_s)
    requests = _numbered(plan)
    clients = [_Client(requests, outcome, window) for _ in range(plan.num_clients)]
    for client in clients:
        await loop.create_connection(partial(_same, client), "127.0.0.1", plan.port)
    async with asyncio.timeout(plan.warm_s + plan.measured_s + STUCK_AFTER_S):
        await asyncio.gather(*(client.done for client in clients))
    return outcome


def _same(client: _Client) -> _Client:
    return client


def _numbered(plan: Plan) -> Iterator[bytes]:
    parts = [request.split(NUMBER) for request in plan.requests]
    for number in count(plan.first_number):
        yield (b"%010d" % number).join(parts[number % len(parts)])


class _Client(asyncio.Protocol):
    """One connection, with one request on its way at any time, until `window` ends."""

    def __init__(self, requests: Iterator[bytes], outcome: Outcome, window: tuple[float, float]) -> None:
        self._requests = requests
        self._outcome = outcome
        self._measured_from, self._until = window
        self._received = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(HEAD_END)
        if not found or len(body) < _length(head):
            return
        now = time.perf_counter()
        self._received = b""
        self._note(head, body)
        if self._measured_from <= now <= self._until:
            self._outcome.latencies_s.append(now - self._sent_at)
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def _note(self, head: bytes, body: bytes) -> None:
        self._outcome.num_answered += 1
        job = JOB_ID.search(body)
        if job:
            self._outcome.job_ids.append(job[1].decode())
        if not head.startswith(b"HTTP/1.1 200") or b'"jobId":""' in body:
            self._outcome.num_refused += 1
            self._outcome.first_refusal = self._outcome.first_refusal or body.decode(errors="replace")

    def connection_lost(self, error: Exception | None) -> None:
        """The server hung up, when it is not we who closed."""
        if not self.done.done():
            if time.perf_counter() < self._until:
                self.done.set_exception(error or ConnectionError("The server under load closed a connection."))
            else:
                self.done.set_result(None)


def _length(head: bytes) -> int:
    found = LENGTH.search(head)
    return int(found[1]) if found else 0
