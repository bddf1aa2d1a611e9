"""The device's stage: one batch after the other, each job of which ends by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from inference import tracing
from inference.batching import DeviceLostError, Generator
from inference.deadlines import Deadlines
from inference.forecast import Forecast
from inference.leases import Claim, Leases, Verdict
from inference.logs import about
from inference.outlet import CANCELLED, Job, Outlet

if TYPE_CHECKING:
    from inference.patience import Patience
    from inference.pulse import Pulse

logger = logging.getLogger(__name__)


class Runner:
    """Runs batches that are ready, and hands what comes of them to the outlet."""

    def __init__(
        self,
        generator: Generator,
        leases: Leases,
        pulse: Pulse,
        outlet: Outlet,
        deadlines: Deadlines,
        forecast: Forecast,
        patiently: Patience,
        stopping: Callable[[], bool],
    ) -> None:
        self._generator, self._leases, self._pulse, self._outlet = generator, leases, pulse, outlet
        self._deadlines, self._forecast, self._stopping = deadlines, forecast, stopping
        self._patiently = patiently
        self._ended: set[Claim] = set()  # of this batch

    def run(self, batch: Sequence[Job]) -> None:
        """Run jobs with one batch key. When the batch raises, each runs alone, so that the guilty one fails alone.

        Raises:
            DeviceLostError: this process can make no more pictures; the open claims are for others.
        """
        self._ended.clear()
        error = self._attempt(batch)
        if error is not None and len(batch) == 1:
            self._outlet.fail(batch[0].claim, error)
        elif error is not None:
            with about(*(job.claim.generation_id for job in batch)):
                logger.warning("a batch of %d failed (%r); its jobs run one by one", len(batch), error)
            self._run_alone(batch)
        if not self._generator.policy.overlap:
            self._outlet.drain()

    def _run_alone(self, batch: Sequence[Job]) -> None:
        for number, job in enumerate(batch):
            if self._stopping():
                for left in reversed([job for job in batch[number:] if job.claim not in self._ended]):
                    self._hand_back(left.claim)
                return
            error = self._attempt([job])
            if error is not None:
                self._outlet.fail(job.claim, error)

    def _hand_back(self, claim: Claim) -> None:
        self._patiently(lambda: self._leases.hand_back(claim))
        self._pulse.release(claim)

    def _attempt(self, batch: Sequence[Job]) -> Exception | None:
        running = [job for job in batch if not self._is_stopped(job)]
        if not running:
            return None
        try:
            with about(*(job.claim.generation_id for job in running)):
                canvases = self._denoised(running)
        except DeviceLostError:
            raise
        except Exception as error:
            return error
        done = [(job, canvas) for job, canvas in zip(running, canvases, strict=True) if canvas is not None]
        self._outlet.hand_over(done)
        return None

    def _denoised(self, running: Sequence[Job]) -> list[object | None]:
        claims, stats = [job.claim for job in running], self._generator.stats
        request = claims[0].request
        assert request is not None

        step = stats.laps("step")

        def on_progress(fraction: float) -> None:
            step()
            self._forecast.progress(fraction)
            self._pulse.progress(claims, fraction)

        self._forecast.began()
        stats.add(f"batches.{len(running)}")
        span = tracing.span("denoise", *(claim.request for claim in claims if claim.request))
        try:
            with self._deadlines.within(max(claim.timeout_s for claim in claims)), stats.seconds("denoise"), span:
                return self._generator.denoise(
                    [job.prepared for job in running],
                    request.batch_key,
                    on_progress,
                    lambda index: self._is_stopped(running[index]),
                )
        finally:
            self._forecast.ended()

    def _is_stopped(self, job: Job) -> bool:
        """Whether it is to be stopped; then it is ended."""
        if job.claim not in self._ended and self._pulse.verdict(job.claim) is not Verdict.HELD:
            self._ended.add(job.claim)
            self._outlet.end(job.claim, CANCELLED)
        return job.claim in self._ended
