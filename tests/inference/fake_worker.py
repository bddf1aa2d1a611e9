"""A worker process without torch: its pictures are the persons with the seed in their first pixel.

The first pixel of a garment says what goes wrong: see `MISHAPS`. Every start and end of a picture is appended to a log.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from redis.exceptions import ConnectionError as RedisConnectionError

from inference import logs, tracing, worker
from inference.batching import BatchPolicy, DeviceLostError, Picture
from inference.blobs import BlobStore
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.leases import Claim, Leases
from inference.stats import Stats
from models.base import TryOnInputs
from models.exactness import Exactness, Optimisation

MISHAPS = {1: "raises", 2: "unusable", 3: "device lost", 4: "hangs", 5: "kills"}


class FakeGenerator:
    def __init__(
        self, log: Path, num_steps: int, step_s: float, policy: BatchPolicy, beside_s: float, clock_jumps_by: float = 0
    ) -> None:
        self.policy = policy
        self.stats = Stats()
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._num_steps = num_steps
        self._step_s = step_s
        self._beside_s = beside_s  # of preparing and of finishing one
        self._clock_jumps_by = clock_jumps_by  # in seconds, in mid-batch

    def prepare(self, inputs: TryOnInputs, key: BatchKey) -> TryOnInputs:
        if mishap_of(inputs) == "unusable":
            raise GenerationError(ErrorCode.PHOTO_UNUSABLE, "Stand up straight.")
        self._beside("prepare", inputs)
        return inputs

    def denoise(
        self,
        prepared: Sequence[TryOnInputs],
        key: BatchKey,
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[tuple[int, BatchKey] | None]:
        mishaps = [mishap_of(inputs) for inputs in prepared]
        running = list(range(len(prepared)))
        self._note("begin", prepared, running)
        for step in range(self._num_steps):
            time.sleep(self._step_s)
            self._mishap(mishaps)
            self._jump()
            on_progress((step + 1) / self._num_steps)
            running = [index for index in running if not stopped(index)]
            if not running:
                return [None] * len(prepared)
        self._note("end", prepared, running)
        return [(inputs.seed, key) if index in running else None for index, inputs in enumerate(prepared)]

    def finish(self, prepared: TryOnInputs, canvas: tuple[int, BatchKey]) -> Picture:
        self._beside("finish", prepared)
        picture, (seed, key) = prepared.person.copy(), canvas
        picture[0, 0] = [seed % 256, seed // 256 % 256, 0]
        return Picture(picture, ("The mask was yours.",) if prepared.mask is not None else (), told(key))

    def forget(self) -> None:
        self.stats.add("forgotten")

    def _mishap(self, mishaps: list[str | None]) -> None:
        if "raises" in mishaps:
            raise ArithmeticError("the maths failed")
        if "device lost" in mishaps:
            raise DeviceLostError("illegal memory access")
        if "hangs" in mishaps:
            ctypes.PyDLL(None).sleep(60)  # one long call that lets no other thread run
        if "kills" in mishaps:
            os.kill(os.getpid(), signal.SIGKILL)

    def _jump(self) -> None:
        """The wall clock of this process is set, as on a machine that finds its time server late."""
        by, self._clock_jumps_by = self._clock_jumps_by, 0.0
        if by:
            right = time.time
            time.time = lambda: right() + by

    def _beside(self, what: str, inputs: TryOnInputs) -> None:
        if self._beside_s:
            self._note(what, [inputs], [0])
            time.sleep(self._beside_s)
            self._note(f"{what}d", [inputs], [0])

    def _note(self, what: str, prepared: Sequence[TryOnInputs], running: list[int]) -> None:
        seeds = ",".join(str(prepared[index].seed) for index in running)
        os.write(self._log, f"{what} {os.getpid()} {time.time():.6f} {seeds}\n".encode())


def told(key: BatchKey) -> tuple[Optimisation, ...]:
    """How the batch was asked to be made, as if that had been measured."""
    return tuple(Optimisation(name, Exactness.APPROXIMATE, 0.5) for name in sorted(key.approximations.asked))


def mishap_of(inputs: TryOnInputs) -> str | None:
    return MISHAPS.get(int(inputs.garment[0, 0, 0]))


def lose_claims(num_claims: int) -> None:
    """Redis makes the claims, but its answer does not arrive."""
    left = [num_claims]
    claim = Leases.claim

    def claim_unheard(
        leases: Leases, worker: str, queues: Sequence[str], max_jobs: int, *, ahead: bool = False
    ) -> list[Claim]:
        claims = claim(leases, worker, queues, max_jobs, ahead=ahead)
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
    parser.add_argument("--beside-s", type=float, default=0.0)
    parser.add_argument("--serial", type=int, default=0)
    parser.add_argument("--storage", default="")
    parser.add_argument("--largest-file", type=int, default=0)
    parser.add_argument("--clock-jumps-by", type=float, default=0.0)
    parser.add_argument("--leaves-within-s", type=float, default=worker.LEAVES_WITHIN_S)
    options = parser.parse_args()
    logs.configure(None, "worker")
    tracing.configure("worker")
    lose_claims(options.lost_claims)
    worker.LEAVES_WITHIN_S = options.leaves_within_s
    if options.largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.largest_file,) * 2)  # as on a full disk
    worker.run_worker(
        options.redis,
        options.name,
        options.queues.split(","),
        FakeGenerator(
            options.log,
            options.num_steps,
            options.step_s,
            BatchPolicy(options.max_jobs, window_s=0.05, overlap=not options.serial),
            options.beside_s,
            options.clock_jumps_by,
        ),
        BlobStore.open(options.storage or options.blobs.as_uri()),
        lease_s=options.lease_s,
    )


if __name__ == "__main__":
    main()
