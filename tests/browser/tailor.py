"""A worker without torch that pastes the garment's picture over the person's chest. A black garment does not fit."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from inference.batching import Batch, BatchPolicy, Picture
from inference.blobs import BlobStore
from inference.jobs import ErrorCode, GenerationError
from inference.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.base import TryOnInputs

NUM_STEPS = 20


class Tailor:
    policy = BatchPolicy()

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s

    def generate(
        self, batch: Batch, on_progress: Callable[[float], None], stopped: Callable[[int], bool]
    ) -> Iterator[tuple[int, Picture | GenerationError]]:
        working = set(range(len(batch.inputs)))
        for step in range(NUM_STEPS):
            time.sleep(self._step_s)
            on_progress((step + 1) / NUM_STEPS)
            for index in [index for index in working if stopped(index)]:
                working.remove(index)
                yield index, GenerationError(ErrorCode.CANCELLED, "This generation was cancelled.")
        for index in working:
            yield index, sew(batch.inputs[index])


def sew(inputs: TryOnInputs) -> Picture | GenerationError:
    if inputs.garment.max() < 10:
        return GenerationError(ErrorCode.GARMENT_UNUSABLE, "This garment cannot be tried on. Please choose another.")
    person = Pillow.fromarray(inputs.person)
    width, height = person.size
    person.paste(Pillow.fromarray(inputs.garment).resize((width // 2, height // 2)), (width // 4, height // 3))
    return Picture(np.asarray(person), ("It was sewn by eye.",))


if __name__ == "__main__":
    redis_url, storage_url, step_s = sys.argv[1:]
    run_worker(redis_url, "tailor", ["paperdoll"], Tailor(float(step_s)), BlobStore.open(storage_url))
