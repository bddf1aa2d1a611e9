"""A worker process whose model is a sleep, with trapdoors in the windows of a job; all else is the service's own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rq.job import JobStatus

from inference.batching import BatchPolicy, Picture
from inference.blobs import BlobStore
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.leases import Claim, Ending, Leases
from inference.stats import Stats
from inference.worker import run_worker
from models.base import Image, TryOnInputs
from scripts.bench.live.simulated import log_to_stderr
from scripts.soak import windows
from scripts.soak.people import is_unusable
from scripts.soak.runs import Runs
from scripts.soak.traps import Traps, of_this_process

NUM_STEPS = 4
LARGEST_BATCH = 4


class TrappedGenerator:
    """Batches of `picture_s` seconds; each picture is the person's own, so that a mix-up shows."""

    def __init__(self, picture_s: float, traps: Traps) -> None:
        self.policy = BatchPolicy(max_jobs=LARGEST_BATCH)
        self.stats = Stats()
        self._picture_s = picture_s
        self._traps = traps

    def prepare(self, inputs: TryOnInputs, key: BatchKey) -> Image:
        if is_unusable(inputs.person):
            raise GenerationError(ErrorCode.PHOTO_UNUSABLE, "Nobody is to be seen on this photograph.")
        self._traps.spring("worker", windows.PREPARED)
        return inputs.person

    def denoise(
        self,
        prepared: Sequence[Image],
        key: BatchKey,
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[Image | None]:
        running = list(range(len(prepared)))
        for step in range(NUM_STEPS):
            time.sleep(self._picture_s / NUM_STEPS)
            self._traps.spring("worker", windows.STEPPED)
            on_progress((step + 1) / NUM_STEPS)
            running = [index for index in running if not stopped(index)]
        return [person if index in running else None for index, person in enumerate(prepared)]

    def finish(self, prepared: Image, canvas: Image) -> Picture:
        self._traps.spring("worker", windows.MADE)
        return Picture(canvas)

    def forget(self) -> None:
        """It remembers nobody."""


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
