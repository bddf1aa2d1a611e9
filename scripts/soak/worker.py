"""A worker process whose model is a sleep, with trapdoors in the windows of a job; all else is the service's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer
from rq.job import JobStatus

from inference.batching import BatchPolicy, Picture
from inference.blobs import BlobStore
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.leases import Claim, Ending, Leases
from inference.worker import run_worker
from models.base import Image, TryOnInputs
from scripts.bench.live.simulated import SimulatedGenerator, log_to_stderr
from scripts.soak import windows
from scripts.soak.people import is_unusable
from scripts.soak.runs import Runs
from scripts.soak.traps import Traps, of_this_process

LARGEST_BATCH = 4


class TrappedGenerator(SimulatedGenerator):
    """In batches, and with trapdoors."""

    def __init__(self, picture_s: float, traps: Traps) -> None:
        super().__init__(picture_s, BatchPolicy(max_jobs=LARGEST_BATCH))
        self._traps = traps

    def prepare(self, inputs: TryOnInputs, key: BatchKey) -> Image:
        if is_unusable(inputs.person):
            raise GenerationError(ErrorCode.PHOTO_UNUSABLE, "Nobody is to be seen on this photograph.")
        self._traps.spring("worker", windows.PREPARED)
        return super().prepare(inputs, key)

    def stepped(self) -> None:
        self._traps.spring("worker", windows.STEPPED)

    def finish(self, prepared: Image, canvas: Image) -> Picture:
        self._traps.spring("worker", windows.MADE)
        return super().finish(prepared, canvas)


class TrappedBlobs(BlobStore):
    """The store, with trapdoors in the writing of a picture."""

    traps: Traps  # filled by main

    def put(self, key: str, data: bytes) -> None:
        assert self._folder is not None
        if self.traps.is_set("worker", windows.HALF_STORED):
            path = self._folder / f"{key}#1"  # as the store's own half-written files are named
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data[: len(data) // 2])
            self.traps.spring("worker", windows.HALF_STORED)
        super().put(key, data)
        self.traps.spring("worker", windows.STORED)


def lay_in_leases(traps: Traps, runs: Runs) -> None:
    """Trapdoors after claims and endings, which are noted first."""
    plain_claim, plain_finish = Leases.claim, Leases.finish

    def claim(leases: Leases, worker: str, queues: Sequence[str], max_jobs: int, *, ahead: bool = False) -> list[Claim]:
        claims = plain_claim(leases, worker, queues, max_jobs, ahead=ahead)
        if claims:
            runs.note("claimed", [claim.generation_id for claim in claims])
            traps.spring("worker", windows.CLAIMED)
        return claims

    def finish(leases: Leases, worker: str, claim: Claim, ending: Ending) -> JobStatus | None:
        status = plain_finish(leases, worker, claim, ending)
        runs.note("ended", [claim.generation_id])
        traps.spring("worker", windows.ENDED)
        return status

    Leases.claim, Leases.finish = claim, finish  # type: ignore[method-assign, assignment]


def main(
    redis: Annotated[str, typer.Option()],
    storage: Annotated[str, typer.Option()],
    queue: Annotated[str, typer.Option()],
    picture_s: Annotated[float, typer.Option()],
    name: Annotated[str, typer.Option()],
) -> None:
    """Be one worker until SIGTERM."""
    log_to_stderr()
    traps = of_this_process()
    TrappedBlobs.traps = traps
    lay_in_leases(traps, Runs.of(traps.folder, os.getpid()))
    run_worker(redis, name, [queue], TrappedGenerator(picture_s, traps), TrappedBlobs.open(storage))


if __name__ == "__main__":
    typer.run(main)
