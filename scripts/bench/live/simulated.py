"""A worker process whose model is a sleep: no torch, so that many start where there is no GPU at all.

Everything else is real: the queue, the leases, the heartbeat, the photographs read and the pictures stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from inference import logs, tracing
from inference.batching import BatchPolicy, Picture
from inference.blobs import BlobStore
from inference.jobs import BatchKey
from inference.stats import Stats
from inference.worker import run_worker
from models.base import Image, TryOnInputs

NUM_STEPS = 4


class SimulatedGenerator:
    """`picture_s` seconds a batch, by default of one job; each picture is the person's own."""

    def __init__(self, picture_s: float, policy: BatchPolicy | None = None) -> None:
        self.policy = policy or BatchPolicy(max_jobs=1, window_s=0.0)
        self.stats = Stats()
        self._picture_s = picture_s

    def prepare(self, inputs: TryOnInputs, key: BatchKey) -> Image:
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
            self.stepped()
            on_progress((step + 1) / NUM_STEPS)
            running = [index for index in running if not stopped(index)]
            if not running:
                break
        return [person if index in running else None for index, person in enumerate(prepared)]

    def stepped(self) -> None:
        """Called after each step, before anybody is told of it."""

    def finish(self, prepared: Image, canvas: Image) -> Picture:
        return Picture(canvas)

    def forget(self) -> None:
        """It remembers nobody."""


def log_to_stderr() -> None:
    """As a worker of a real model does."""
    logs.configure(None, "worker")
    tracing.configure("worker")


def main(
    redis: Annotated[str, typer.Option()],
    storage: Annotated[str, typer.Option()],
    queue: Annotated[str, typer.Option()],
    picture_s: Annotated[float, typer.Option()],
    name: Annotated[str, typer.Option()],
) -> None:
    """Be one worker until SIGTERM."""
    log_to_stderr()
    run_worker(redis, name, [queue], SimulatedGenerator(picture_s), BlobStore.open(storage))


if __name__ == "__main__":
    typer.run(main)
