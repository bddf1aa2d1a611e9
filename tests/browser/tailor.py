"""A worker without torch that pastes the garment's picture over the person's chest. A black garment does not fit."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from inference.batching import BatchPolicy, Picture
from inference.blobs import BlobStore
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.stats import Stats
from inference.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.base import TryOnInputs

NUM_STEPS = 20


class Tailor:
    policy = BatchPolicy()

    def __init__(self, step_s: float) -> None:
        self.stats = Stats()
        self._step_s = step_s

    def prepare(self, inputs: TryOnInputs, key: BatchKey) -> TryOnInputs:
        if inputs.garment.max() < 10:
            sentence = "This garment cannot be tried on. Please choose another."
            raise GenerationError(ErrorCode.GARMENT_UNUSABLE, sentence)
        return inputs

    def denoise(
        self,
        prepared: Sequence[TryOnInputs],
        key: BatchKey,
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[bool | None]:
        working = set(range(len(prepared)))
        for step in range(NUM_STEPS):
            time.sleep(self._step_s)
            on_progress((step + 1) / NUM_STEPS)
            working -= {index for index in working if stopped(index)}
        return [True if index in working else None for index in range(len(prepared))]

    def finish(self, prepared: TryOnInputs, canvas: bool) -> Picture:
        person = Pillow.fromarray(prepared.person)
        width, height = person.size
        person.paste(Pillow.fromarray(prepared.garment).resize((width // 2, height // 2)), (width // 4, height // 3))
        return Picture(np.asarray(person), ("It was sewn by eye.",))

    def forget(self) -> None:
        """It remembers nobody."""


if __name__ == "__main__":
    redis_url, storage_url, step_s = sys.argv[1:]
    run_worker(redis_url, "tailor", ["paperdoll"], Tailor(float(step_s)), BlobStore.open(storage_url))
