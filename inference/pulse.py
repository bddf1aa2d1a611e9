"""The worker's heartbeat: a thread that keeps leases, writes progress, hears of cancellations, and sweeps."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from redis.exceptions import RedisError

from inference.leases import Claim, Leases, Verdict
from inference.logs import about
from inference.stats import Stats

TICK_S = 0.2  # progress is written at most this often
BEATS_A_LEASE = 3

logger = logging.getLogger(__name__)


class Pulse:
    """Beats three times a lease, and at every tick that has progress to write.

    `on_forgotten` is called when Redis no longer knew the worker; `on_erased` when something was erased that it may
    still remember, which one that was away learns when it is back.
    """

    def __init__(
        self,
        leases: Leases,
        worker: str,
        queues: Sequence[str],
        *,
        ttl_s: int,
        on_forgotten: Callable[[], None],
        on_erased: Callable[[], None],
        stats: Stats,
    ) -> None:
        self._leases = leases
        self._worker = worker
        self._queues = queues
        self._ttl_s = ttl_s
        self._on_forgotten, self._on_erased = on_forgotten, on_erased
        self._erased: str | None = None  # the word of the last erasure that it has heard of
        self._stats = stats
        self._lock = threading.Lock()
        self._running: dict[Claim, float | None] = {}  # with the progress that is not yet written
        self._verdicts: dict[Claim, Verdict] = {}
        self._ended = threading.Event()
        self._beat_at = 0.0
        self._sweep_from = time.monotonic() + leases.lease_s  # Redis may just be back: every lease looks expired
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=self._leases.lease_s)

    def hold(self, claims: Iterable[Claim]) -> None:
        """Keep the leases of these claims from now on."""
        with self._lock:
            self._running.update(dict.fromkeys(claims))

    def held(self) -> list[Claim]:
        """The claims whose leases are kept."""
        with self._lock:
            return list(self._running)

    def release(self, claim: Claim) -> None:
        """Forget a claim that has ended."""
        with self._lock:
            self._running.pop(claim, None)
            self._verdicts.pop(claim, None)

    def progress(self, claims: Iterable[Claim], fraction: float) -> None:
        """Tell how far these claims are (0 to 1); costs the caller nothing."""
        with self._lock:
            self._running.update((claim, fraction) for claim in claims if claim in self._running)

    def cancel(self, generation_id: str) -> bool:
        """Mark a running generation to be stopped; False when it does not run here."""
        with self._lock:
            found = [claim for claim in self._running if claim.generation_id == generation_id]
            self._verdicts.update((claim, Verdict.CANCEL) for claim in found)
        return bool(found)

    def verdict(self, claim: Claim) -> Verdict:
        return self._verdicts.get(claim, Verdict.HELD)

    def _run(self) -> None:
        try:
            self._beat_until_stopped()
        except BaseException:
            logger.critical(
                "the heartbeat failed: the worker ends, for nothing that it makes would count", exc_info=True
            )
            os._exit(1)

    def _beat_until_stopped(self) -> None:
        while not self._ended.wait(TICK_S):
            due = time.monotonic() >= self._beat_at
            with self._lock:
                news = any(progress is not None for progress in self._running.values())
            if not due and not news:
                continue
            try:
                self._beat()
                if due and time.monotonic() >= self._sweep_from:
                    self._sweep()
            except RedisError as error:
                self._sweep_from = time.monotonic() + self._leases.lease_s
                logger.warning("Redis did not answer the heartbeat: %s", error)

    def _beat(self) -> None:
        with self._lock:
            telling = dict(self._running)
            self._running.update(dict.fromkeys(self._running))
        registered, erased, verdicts = self._leases.pulse(self._worker, self._ttl_s, telling, self._stats.to_json())
        self._beat_at = time.monotonic() + self._leases.lease_s / BEATS_A_LEASE
        with self._lock:
            bad = {claim: verdict for claim, verdict in verdicts.items() if verdict is not Verdict.HELD}
            self._verdicts.update((claim, verdict) for claim, verdict in bad.items() if claim in self._running)
        if erased != self._erased:
            self._on_erased()
            self._erased = erased
        if not registered:
            self._on_forgotten()

    def _sweep(self) -> None:
        reclaimed = self._leases.sweep(self._queues)
        if reclaimed:
            with about(*reclaimed):
                logger.warning("took back %d generation(s) whose worker fell silent", len(reclaimed))
