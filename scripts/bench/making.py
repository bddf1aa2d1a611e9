"""Pictures made and timed: by the engine in batches, and one request at a time as the published pipelines do it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from inference.batching import never_stopped
from inference.device import device_errors
from inference.engine import Engine
from inference.jobs import BatchKey
from inference.loading import family_of
from models.base import Image, Loading, SamplingSettings, TryOnInputs
from models.card import ModelCard
from models.preprocess.helpers import Helpers


@dataclass(frozen=True, slots=True)
class Made:
    """Pictures, and what they took. `loop_s`: conditioning and denoising; `batches_s`: each batch as a whole.

    `processor_s`: of all this process's threads, which others on the machine hardly change.
    """

    images: list[Image]
    seconds: float
    loop_s: float
    processor_s: float = 0.0
    batches_s: list[float] = field(default_factory=list)


class Maker(Protocol):
    def __call__(self, jobs: Sequence[TryOnInputs]) -> Made: ...


class Ours:
    """The engine, one stage after the other, in batches of `batch`."""

    def __init__(self, engine: Engine, key: BatchKey, device: torch.device, batch: int) -> None:
        self._engine, self._key, self._device, self._batch = engine, key, device, batch

    def __call__(self, jobs: Sequence[TryOnInputs]) -> Made:
        images: list[Image] = []
        batches_s: list[float] = []
        loop_s, started, computed_s = 0.0, time.perf_counter(), time.process_time()
        for first in range(0, len(jobs), self._batch):
            made, seconds = self._make(jobs[first : first + self._batch])
            images += made
            loop_s += seconds
            batches_s.append(time.perf_counter() - started - sum(batches_s))
        seconds, processor_s = time.perf_counter() - started, time.process_time() - computed_s
        return Made(images, seconds, loop_s, processor_s, batches_s)

    def _make(self, jobs: Sequence[TryOnInputs]) -> tuple[list[Image], float]:
        prepared = [self._engine.prepare(job, self._key) for job in jobs]
        clock = Clock(self._device)
        canvases = self._engine.denoise(prepared, self._key, clock.on_progress, never_stopped)
        pairs = zip(prepared, canvases, strict=True)
        return [self._engine.finish(one, canvas).image for one, canvas in pairs if canvas is not None], clock.loop_s


class Clock:
    """Seconds from its making until all steps are done."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._started, self.loop_s = device, time.perf_counter(), 0.0

    def on_progress(self, fraction: float) -> None:
        if fraction >= 1:
            synchronize(self._device)
            self.loop_s = time.perf_counter() - self._started


class Published:
    """The card's family with all the work of the published code: a request at a time, eager, nothing remembered."""

    def __init__(self, card: ModelCard, device: torch.device, settings: SamplingSettings) -> None:
        self._device, self._settings = device, settings
        loading = Loading(Helpers.load(card, device), exact_savings=False)
        self._family = family_of(card).load(card, device, loading)

    def __call__(self, jobs: Sequence[TryOnInputs]) -> Made:
        images: list[Image] = []
        batches_s: list[float] = []
        loop_s, started, computed_s = 0.0, time.perf_counter(), time.process_time()
        for job in jobs:
            image, seconds = self._make(job)
            images.append(image)
            loop_s += seconds
            batches_s.append(time.perf_counter() - started - sum(batches_s))
        seconds, processor_s = time.perf_counter() - started, time.process_time() - computed_s
        return Made(images, seconds, loop_s, processor_s, batches_s)

    def _make(self, job: TryOnInputs) -> tuple[Image, float]:
        with device_errors():
            prepared = self._family.prepare(job)
            started = time.perf_counter()
            state = self._family.begin([prepared], self._settings)
            for _ in range(self._settings.num_inference_steps):
                self._family.step(state)
            synchronize(self._device)
            loop_s = time.perf_counter() - started
            canvases: list[Any] = self._family.decode(state)
            synchronize(self._device)
            return self._family.finish(prepared, canvases[0]), loop_s


def synchronize(device: torch.device) -> None:
    """Until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
