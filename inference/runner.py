"""One claimed batch from stored photographs to stored pictures, each job with an ending of its own."""

from __future__ import annotations

import faulthandler
import logging
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from inference import pictures
from inference.batching import DeviceLostError, Generator, Picture, Prepared
from inference.jobs import ErrorCode, GenerationError, GenerationRequest
from inference.leases import Claim, Ending, Leases, Verdict
from inference.patience import patiently
from models.base import TryOnInputs

if TYPE_CHECKING:
    from inference.pulse import Pulse
    from models.base import Image

NO_PHOTO = GenerationError(ErrorCode.PHOTO_UNUSABLE, "Your photograph can't be read any more. Please upload it again.")
NO_MASK = GenerationError(ErrorCode.PHOTO_UNUSABLE, "The mask can't be read any more. Please upload it again.")
NO_GARMENT = GenerationError(
    ErrorCode.GARMENT_UNUSABLE, "The picture of this product can't be read. Please choose another product."
)
CANCELLED = Ending(error_code=ErrorCode.CANCELLED, error_message="This generation was cancelled.")
STDERR = 2
SENTENCE = "The picture could not be made. Please try again."

logger = logging.getLogger(__name__)


class Blobs(Protocol):
    """Bytes by key."""

    def get(self, key: str) -> bytes:
        """Raises FileNotFoundError when there are none."""

    def put(self, key: str, data: bytes) -> None:
        """Write all or nothing."""


def result_key(request: GenerationRequest) -> str:
    """Where the picture goes. A second run of the same job writes the same bytes to the same place."""
    return f"results/{request.shop}/{request.generation_id}.png"


class Runner:
    """Runs claims of one worker, and ends every one: finished, failed, or handed back when `stopping()`."""

    def __init__(
        self,
        worker: str,
        generator: Generator,
        blobs: Blobs,
        leases: Leases,
        pulse: Pulse,
        stopping: Callable[[], bool],
    ) -> None:
        self._worker = worker
        self._generator = generator
        self._blobs = blobs
        self._leases = leases
        self._pulse = pulse
        self._stopping = stopping
        self._open: set[Claim] = set()

    def run(self, claims: Sequence[Claim]) -> None:
        """Run claims with one batch key. When the batch raises, each runs alone, so that the guilty one fails alone.

        Raises:
            DeviceLostError: this process can make no more pictures; the open claims are for others.
        """
        self._pulse.hold(claims)
        self._open = set(claims)
        error = self._attempt(claims)
        alone = [claim for claim in claims if claim in self._open]
        if error is not None and len(claims) == 1:
            self._fail(claims[0], error)
        elif error is not None:
            logger.warning("a batch of %d failed (%r); its jobs run one by one", len(claims), error)
            for claim in alone:
                self._run_alone(claim)

    def _run_alone(self, claim: Claim) -> None:
        if self._stopping():
            patiently(lambda: self._leases.hand_back(claim))
            self._close(claim)
            return
        error = self._attempt([claim])
        if error is not None:
            self._fail(claim, error)

    def _attempt(self, claims: Sequence[Claim]) -> Exception | None:
        # A watchdog that needs no interpreter: one long call into C or CUDA can be interrupted by nothing else.
        deadline_s = max(claim.timeout_s for claim in claims)
        faulthandler.dump_traceback_later(deadline_s, exit=True, file=STDERR)
        try:
            self._make(claims)
        except DeviceLostError:
            raise
        except Exception as error:
            return error
        finally:
            faulthandler.cancel_dump_traceback_later()
        return None

    def _make(self, claims: Sequence[Claim]) -> None:
        ready = [(claim, prepared) for claim in claims if (prepared := self._prepare(claim)) is not None]
        if not ready:
            return
        batch = [claim for claim, _ in ready]
        request = batch[0].request
        assert request is not None
        canvases = self._generator.denoise(
            [prepared for _, prepared in ready],
            request.batch_key,
            lambda fraction: self._pulse.progress(batch, fraction),
            lambda index: self._stopped(batch[index]),
        )
        for (claim, prepared), canvas in zip(ready, canvases, strict=True):
            if canvas is not None:
                self._conclude(claim, self._generator.finish(prepared, canvas))

    def _stopped(self, claim: Claim) -> bool:
        verdict = self._pulse.verdict(claim)
        if verdict is not Verdict.HELD:
            self._end(claim, CANCELLED)
        return verdict is not Verdict.HELD

    def _prepare(self, claim: Claim) -> Prepared | None:
        """What the device needs of the claim; None when it ended here, alone."""
        try:
            if claim.request is None:
                raise GenerationError(ErrorCode.INTERNAL, SENTENCE)
            return self._generator.prepare(self._inputs(claim.request), claim.request.batch_key)
        except GenerationError as error:
            self._conclude(claim, error)
        except Exception as error:
            self._fail(claim, error)
        return None

    def _inputs(self, request: GenerationRequest) -> TryOnInputs:
        densepose = self._picture(request.densepose_key, NO_PHOTO) if request.densepose_key else None
        return TryOnInputs(
            person=self._picture(request.person_key, NO_PHOTO),
            garment=self._picture(request.garment_key, NO_GARMENT),
            category=request.category,
            seed=request.seed,
            mask=pictures.to_mask(self._picture(request.mask_key, NO_MASK)) if request.mask_key else None,
            densepose=densepose,
            garment_is_worn=request.garment_is_worn,
        )

    def _picture(self, key: str, otherwise: GenerationError) -> Image:
        try:
            data = self._blobs.get(key)
        except FileNotFoundError:
            raise otherwise from None
        try:
            return pictures.decode(data)
        except (OSError, ValueError, SyntaxError):
            raise otherwise from None

    def _conclude(self, claim: Claim, outcome: Picture | GenerationError) -> None:
        if self._pulse.verdict(claim) is Verdict.CANCEL:
            self._end(claim, CANCELLED)
        elif isinstance(outcome, Picture):
            self._store(claim, outcome)
        else:
            self._end(claim, Ending(error_code=outcome.code, error_message=outcome.sentence))

    def _store(self, claim: Claim, picture: Picture) -> None:
        assert claim.request is not None
        key = result_key(claim.request)
        try:
            self._blobs.put(key, pictures.encode(picture.image))
        except Exception as error:
            self._fail(claim, error)
        else:
            self._end(claim, Ending(key, picture.warnings, picture.optimisations))

    def _fail(self, claim: Claim, error: Exception) -> None:
        details = "".join(traceback.format_exception(error))
        logger.error("generation %s failed\n%s", claim.generation_id, details)
        self._end(claim, Ending(error_code=ErrorCode.INTERNAL, error_message=SENTENCE, details=details))

    def _end(self, claim: Claim, ending: Ending) -> None:
        if not patiently(lambda: self._leases.finish(self._worker, claim, ending)):
            logger.warning("generation %s is another worker's now; its ending here is dropped", claim.generation_id)
        self._close(claim)

    def _close(self, claim: Claim) -> None:
        self._open.discard(claim)
        self._pulse.release(claim)
