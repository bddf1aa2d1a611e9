"""A worker process without torch: its pictures are the persons with the seed in their first pixel.

The first pixel of a garment says what goes wrong: see `MISHAPS`. Every start and end of a picture is appended to a log.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from redis.exceptions import ConnectionError as RedisConnectionError

from inference.batching import Batch, BatchPolicy, DeviceLostError, Picture
from inference.blobs import BlobStore
from inference.jobs import ErrorCode, GenerationError
from inference.leases import Claim, Leases
from inference.worker import run_worker
from models.exactness import Exactness, Optimisation

MISHAPS = {1: "raises", 2: "unusable", 3: "device lost", 4: "hangs"}


class FakeGenerator:
    def __init__(self, log: Path, num_steps: int, step_s: float, policy: BatchPolicy) -> None:
        self.policy = policy
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._num_steps = num_steps
        self._step_s = step_s

    def generate(
        self, batch: Batch, on_progress: Callable[[float], None], stopped: Callable[[int], bool]
    ) -> Iterator[tuple[int, Picture | GenerationError]]:
        mishaps = [MISHAPS.get(int(inputs.garment[0, 0, 0])) for inputs in batch.inputs]
        running = []
        for index, mishap in enumerate(mishaps):
            if mishap == "unusable":
                yield index, GenerationError(ErrorCode.PHOTO_UNUSABLE, "Stand up straight.")
            else:
                running.append(index)
        self._note("begin", batch, running)
        for step in range(self._num_steps):
            time.sleep(self._step_s)
            self._mishap(mishaps)
            on_progress((step + 1) / self._num_steps)
            for index in [index for index in running if stopped(index)]:
                running.remove(index)
                yield index, GenerationError(ErrorCode.CANCELLED, "This generation was cancelled.")
            if not running:
                return
        self._note("end", batch, running)
        for index in running:
            picture = batch.inputs[index].person.copy()
            picture[0, 0] = [batch.inputs[index].seed % 256, batch.inputs[index].seed // 256 % 256, 0]
            masked = batch.inputs[index].mask is not None
            warnings = ("The mask was yours.",) if masked else ()
            yield index, Picture(picture, warnings, told(batch))

    def _mishap(self, mishaps: list[str | None]) -> None:
        if "raises" in mishaps:
            raise ArithmeticError("the maths failed")
        if "device lost" in mishaps:
            raise DeviceLostError("illegal memory access")
        if "hangs" in mishaps:
            ctypes.PyDLL(None).sleep(60)  # one long call that lets no other thread run

    def _note(self, what: str, batch: Batch, running: list[int]) -> None:
        seeds = ",".join(str(batch.inputs[index].seed) for index in running)
        os.write(self._log, f"{what} {os.getpid()} {time.time():.6f} {seeds}\n".encode())


def told(batch: Batch) -> tuple[Optimisation, ...]:
    """How the batch was asked to be made, as if that had been measured."""
    return tuple(Optimisation(name, Exactness.APPROXIMATE, 0.5) for name in sorted(batch.approximations.asked))


def lose_claims(num_claims: int) -> None:
    """Redis makes the claims, but its answer does not arrive."""
    left = [num_claims]
    claim = Leases.claim

    def claim_unheard(leases: Leases, worker: str, queues: Sequence[str], max_jobs: int) -> list[Claim]:
        claims = claim(leases, worker, queues, max_jobs)
        if claims and left[0]:
            left[0] -= 1
            raise RedisConnectionError("Connection closed by server.")
        return claims

    Leases.claim = claim_unheard  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--queues", default="paperdoll")
    parser.add_argument("--blobs", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--num-steps", type=int, default=4)
    parser.add_argument("--step-s", type=float, default=0.02)
    parser.add_argument("--lease-s", type=float, default=2.0)
    parser.add_argument("--max-jobs", type=int, default=4)
    parser.add_argument("--lost-claims", type=int, default=0)
    options = parser.parse_args()
    lose_claims(options.lost_claims)
    run_worker(
        options.redis,
        options.name,
        options.queues.split(","),
        FakeGenerator(options.log, options.num_steps, options.step_s, BatchPolicy(options.max_jobs)),
        BlobStore.open(options.blobs.as_uri()),
        lease_s=options.lease_s,
    )


if __name__ == "__main__":
    main()
