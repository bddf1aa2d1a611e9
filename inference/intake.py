"""The first stage: claim a batch, read its photographs and make them ready, as late as is early enough."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from inference import tracing
from inference.batching import DeviceLostError, Generator
from inference.deadlines import Deadlines
from inference.forecast import Forecast
from inference.jobs import ErrorCode, GenerationError
from inference.leases import Claim, Verdict
from inference.logs import about
from inference.outlet import CANCELLED, SENTENCE, Job, Outlet
from inference.reading import Blobs, read_inputs

if TYPE_CHECKING:
    from inference.line import Line
    from inference.patience import Patience
    from inference.pulse import Pulse

LOOK_EVERY_S = 0.02  # for jobs and cancellations, while the device is busy

logger = logging.getLogger(__name__)


class Intake:
    """Makes one batch ready at a time, on a thread of its own, while the device works on the one before.

    It claims when the device waits (`take`) or, with `overlap`, when the forecast says that it soon will.
    """

    def __init__(
        self,
        line: Line,
        generator: Generator,
        blobs: Blobs,
        pulse: Pulse,
        outlet: Outlet,
        deadlines: Deadlines,
        forecast: Forecast,
        patiently: Patience,
        *,
        num_threads: int,
        on_device_lost: Callable[[DeviceLostError], None],
    ) -> None:
        self._line, self._generator, self._blobs, self._pulse, self._outlet = line, generator, blobs, pulse, outlet
        self._deadlines, self._forecast, self._on_device_lost = deadlines, forecast, on_device_lost
        self._patiently = patiently
        self._threads = ThreadPoolExecutor(num_threads, "prepare")
        self._changed = threading.Condition()
        self._ready: list[Job] = []
        self._is_awaited = False
        self._is_claiming = False
        self._owes = False  # a batch that was claimed when the device waited for it: it is made, whatever comes
        self._stopping = False
        self._failure: BaseException | None = None  # that ended its thread
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Claim no more, and hand back at no cost what was claimed ahead, in order."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until everything is handed back."""
        self.stop()
        self._thread.join()
        self._threads.shutdown()

    def take(self, timeout_s: float) -> list[Job]:
        """The next batch; nothing when there is none within `timeout_s`. What ended the thread is raised here: else the
        worker would count as ready and wait for ever."""
        with self._changed:
            self._is_awaited = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._ready or self._failure or (self._stopping and not self._owes), timeout_s
            )
            if self._failure is not None:
                raise self._failure
            if not self._ready or (self._stopping and not self._owes):
                return []
            self._is_awaited = self._owes = False
            batch, self._ready = self._ready, []
            self._changed.notify_all()
            return batch

    @property
    def has_batch(self) -> bool:
        return bool(self._ready)

    @property
    def is_claiming(self) -> bool:
        """Whether a batch may just be claimed or made ready."""
        return self._is_claiming

    @property
    def owes(self) -> bool:
        """Whether a batch is to be taken, even now that it stops."""
        return self._owes

    def _run(self) -> None:
        try:
            self._claim_until_stopped()
        except BaseException as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _claim_until_stopped(self) -> None:
        while not self._stopping:
            if self._ready:
                self._drop_cancelled()
            elif self._is_awaited:
                self._claim(ahead=False)
            elif self._is_time_to_claim_ahead():
                self._claim(ahead=True)
            self._pause()
        with self._changed:
            if self._owes:
                return
            left, self._ready = self._ready, []
        for job in reversed(left):
            self._hand_back(job.claim)

    def _pause(self) -> None:
        """For a while, but not when the device waits for a batch that there is not."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or (self._is_awaited and not self._ready), LOOK_EVERY_S)

    def _is_time_to_claim_ahead(self) -> bool:
        may = self._generator.policy.overlap and self._forecast.is_running
        return may and self._forecast.early_by_s() == 0

    def _claim(self, *, ahead: bool) -> None:
        began_at = time.monotonic()
        self._owes, self._is_claiming = not ahead, True
        claims = self._line.claim(self._generator.policy.max_jobs, ahead=ahead)
        if not claims:
            self._owes = self._is_claiming = False
            if not ahead:
                self._line.wait(self._generator.policy)
            return
        self._pulse.hold(claims)
        with about(*(claim.generation_id for claim in claims)):
            logger.info("took a batch of %d", len(claims))
        tracing.claimed([claim.request for claim in claims if claim.request], time.monotonic() - began_at)
        jobs = [job for job in self._threads.map(self._prepare, claims) if job is not None]
        self._forecast.prepared(time.monotonic() - began_at)
        with self._changed:
            self._ready, self._is_claiming = jobs, False
            self._owes = self._owes and bool(jobs)
            self._changed.notify_all()

    def _prepare(self, claim: Claim) -> Job | None:
        """The claim with its pictures ready; None when it ended here, alone."""
        with about(claim.generation_id):
            return self._prepared(claim)

    def _prepared(self, claim: Claim) -> Job | None:
        stats = self._generator.stats
        try:
            if claim.request is None:
                raise GenerationError(ErrorCode.INTERNAL, SENTENCE)
            with self._deadlines.within(claim.timeout_s), tracing.span("prepare", claim.request):
                with stats.seconds("read"):
                    inputs = read_inputs(self._blobs, claim.request)
                with stats.seconds("prepare"):
                    return Job(claim, self._generator.prepare(inputs, claim.request.batch_key))
        except DeviceLostError as error:
            self._on_device_lost(error)
        except Exception as error:
            self._outlet.fail(claim, error)
        return None

    def _drop_cancelled(self) -> None:
        with self._changed:
            gone = [job for job in self._ready if self._pulse.verdict(job.claim) is not Verdict.HELD]
            self._ready = [job for job in self._ready if job not in gone]
            self._owes = self._owes and bool(self._ready)
        for job in gone:
            self._outlet.end(job.claim, CANCELLED)

    def _hand_back(self, claim: Claim) -> None:
        try:
            self._patiently(lambda: self._line.hand_back(claim))
        except RedisError:
            logger.warning("generation %s could not be handed back: its lease runs out", claim.generation_id)
        self._pulse.release(claim)
