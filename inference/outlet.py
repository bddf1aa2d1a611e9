"""The last stage: canvases become stored pictures, and every claim gets its ending."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rq.job import JobStatus

from inference import pictures, tracing
from inference.batching import Canvas, DeviceLostError, Generator, Prepared
from inference.blobs import picture_key
from inference.deadlines import Deadlines
from inference.jobs import ErrorCode, GenerationError, GenerationRequest
from inference.leases import Claim, Ending, Leases, Verdict
from inference.logs import about
from inference.scrubbing import scrubbed

if TYPE_CHECKING:
    from inference.patience import Patience
    from inference.pulse import Pulse
    from inference.reading import Blobs

CANCELLED = Ending(error_code=ErrorCode.CANCELLED, error_message="This generation was cancelled.")
SENTENCE = "The picture could not be made. Please try again."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A claim, and its pictures made ready."""

    claim: Claim
    prepared: Prepared


def result_key(request: GenerationRequest) -> str:
    """Where the picture goes. A second run of the same job writes the same bytes to the same place."""
    return picture_key(request.shop, request.generation_id)


class Outlet:
    """Ends claims of one worker on threads of its own, one batch behind the device at most."""

    def __init__(
        self,
        worker: str,
        generator: Generator,
        blobs: Blobs,
        leases: Leases,
        pulse: Pulse,
        deadlines: Deadlines,
        patiently: Patience,
        *,
        num_threads: int,
        on_device_lost: Callable[[DeviceLostError], None],
    ) -> None:
        self._worker, self._generator, self._blobs = worker, generator, blobs
        self._leases, self._pulse, self._deadlines = leases, pulse, deadlines
        self._patiently, self._on_device_lost = patiently, on_device_lost
        self._threads = ThreadPoolExecutor(num_threads, "outlet")
        self._behind: list[Future[None]] = []

    def hand_over(self, done: Sequence[tuple[Job, Canvas]]) -> None:
        """Make a batch's pictures of its canvases; waits until those of the batch before are stored."""
        self.drain()
        self._behind = [self._threads.submit(self._finish, job, canvas) for job, canvas in done]

    def drain(self) -> None:
        """Wait until all that was handed over is stored."""
        for future in wait(self._behind).done:
            future.result()
        self._behind = []

    def stop(self) -> None:
        self._threads.shutdown()

    def end(self, claim: Claim, ending: Ending) -> None:
        """End a claim, on a thread of the outlet's."""
        self._threads.submit(self._end, claim, ending)

    def fail(self, claim: Claim, error: Exception) -> None:
        """End a claim with what went wrong: a sentence for the shopper, or details for the operator."""
        if isinstance(error, GenerationError):
            self.end(claim, Ending(error_code=error.code, error_message=error.sentence))
            return
        details = scrubbed("".join(traceback.format_exception(error)))
        with about(claim.generation_id):
            logger.error("it failed\n%s", details)
        self.end(claim, Ending(error_code=ErrorCode.INTERNAL, error_message=SENTENCE, details=details))

    def _finish(self, job: Job, canvas: Canvas) -> None:
        with about(job.claim.generation_id):
            self._finish_one(job, canvas)

    def _finish_one(self, job: Job, canvas: Canvas) -> None:
        try:
            with self._deadlines.within(job.claim.timeout_s):
                ending = self._stored(job, canvas)
        except DeviceLostError as error:
            self._on_device_lost(error)
        except Exception as error:
            self.fail(job.claim, error)
        else:
            self._end(job.claim, ending)

    def _stored(self, job: Job, canvas: Canvas) -> Ending:
        """Make and store a job's picture; one that is to be stopped by then leaves none."""
        stats, request = self._generator.stats, job.claim.request
        assert request is not None
        with stats.seconds("finish"), tracing.span("finish", request):
            picture = self._generator.finish(job.prepared, canvas)
        with stats.seconds("encode"):
            data = pictures.encode(picture.image)
        if self._pulse.verdict(job.claim) is not Verdict.HELD:
            return CANCELLED
        key = result_key(request)
        with stats.seconds("store"), tracing.span("store", request):
            self._blobs.put(key, data)
        stats.add("pictures")
        return Ending(key, picture.warnings, picture.optimisations)

    def _end(self, claim: Claim, ending: Ending) -> None:
        if self._pulse.verdict(claim) is Verdict.CANCEL:
            ending = CANCELLED
        with about(claim.generation_id):
            self._tell(claim, ending)
        self._pulse.release(claim)

    def _tell(self, claim: Claim, ending: Ending) -> None:
        try:
            status = self._patiently(lambda: self._leases.finish(self._worker, claim, ending))
            took_s = time.time() - claim.started_at
            if status is not JobStatus.FINISHED and not self._patiently(lambda: self._leases.wants_picture(claim)):
                self._leave_nothing(claim, was_erased=status is None)
            if status is not None:
                said = "its picture is stored" if status is JobStatus.FINISHED else ending.error_code or "CANCELLED"
                logger.info("%s after %.2f s", said, took_s)
            else:
                logger.warning("it is another worker's now, or erased; its ending is dropped")
        except Exception:  # its lease runs out, and it is made again
            logger.exception("its end could not be told")

    def _leave_nothing(self, claim: Claim, *, was_erased: bool) -> None:
        """Of a job that ended without a picture: it was cancelled after the last look, or erased while it ran."""
        if was_erased:
            self._generator.forget()  # again: it may have remembered since it first heard
        if claim.request is not None:
            self._blobs.delete(result_key(claim.request))
