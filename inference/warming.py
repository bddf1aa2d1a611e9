"""The first pictures, which nobody sees: they build what is built lazily, and show how large a batch is best."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from inference.acceleration import Acceleration
from inference.device import memory_of, peak_memory
from inference.loop import Canvas
from inference.profiles import Profile, Profiles, Timing, measured
from models.base import TryOnInputs
from models.catalog import ModelCard

GREY, WHITE = 128, 255
NUM_STEPS = 2
"""Families may guide all steps but the last, or compute a garment in the first alone: two show both kinds."""

MOST_TFLOP = 1.0  # a CPU's warm-up picture: seconds of it
MOST_BYTES = 500_000_000  # of a network whose work the card does not tell

logger = logging.getLogger(__name__)


class Make(Protocol):
    def __call__(self, num_jobs: int, guidance: float | None = None, num_steps: int = NUM_STEPS) -> Canvas:
        """The last of a batch of so many grey pictures, written; `guidance` None: guided as the card says."""


def grey_inputs(card: ModelCard) -> TryOnInputs:
    """Pictures with nothing on them, of the card's size."""
    grey = np.full((card.height, card.width, 3), GREY, np.uint8)
    mask = np.full((card.height, card.width), WHITE, np.uint8)
    return TryOnInputs(grey, grey, card.categories[0], seed=0, mask=mask, densepose=grey)


def takes_too_long(card: ModelCard, device: torch.device) -> bool:
    """Whether grey pictures would keep shoppers waiting for minutes: those of a large network on a CPU."""
    if device.type != "cpu":
        return False
    if not card.tflop_per_picture:
        return sum(file.size for file in card.files) > MOST_BYTES
    return card.tflop_per_picture * NUM_STEPS / card.num_inference_steps > MOST_TFLOP


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Say how long it took: a first start on a GPU takes minutes, and whoever waits should see why."""
    began_at = time.monotonic()
    yield
    logger.info("warm-up: %s took %.1f s", what, time.monotonic() - began_at)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """`profiles`: what is known of batches. `finish`: what becomes of a canvas. `num_steps`: of the card's pictures."""

    device: torch.device
    acceleration: Acceleration
    profiles: Profiles | None
    make: Make
    finish: Callable[[Canvas], object]
    num_steps: int

    def run(self) -> Profile | None:
        """What is known of batches or is seen of them now; None without `profiles`: jobs go one by one.

        A CPU that was seen to work builds nothing lazily. What is compiled has a graph of its own for each batch size,
        guided and not.
        """
        profile = self.profiles.load() if self.profiles is not None else None
        if profile is None or self.device.type != "cpu" or self.acceleration.optimisations:
            with told("the first picture"):
                self.finish(self.make(1))
        if self.profiles is not None and profile is None:
            with told("timing batches"):
                profile = measured(self._timed, memory_bytes=memory_of(self.device))
            self.profiles.save(profile)
        if self.acceleration.is_compiled:
            with told("a graph for every batch"):
                self._compile(profile.max_jobs if profile is not None else 1)
        return profile

    def _compile(self, max_jobs: int) -> None:
        for size in range(1, max_jobs + 1):
            for guidance in self.acceleration.warm_guidance:
                self.make(size, guidance)

    def _timed(self, num_jobs: int) -> Timing:
        """Of a batch in all steps, told from two short ones: beside a few steps, the rest weighs too much."""
        try:
            began_at = time.monotonic()
            self.make(num_jobs)  # libraries choose their kernels at the first batch of a size
            compiling_s = time.monotonic() - began_at if self.acceleration.is_compiled else 0.0
            with peak_memory(self.device) as peak:
                few_s, more_s = self._seconds(num_jobs, NUM_STEPS), self._seconds(num_jobs, 2 * NUM_STEPS)
                whole_s = few_s + (more_s - few_s) / NUM_STEPS * (self.num_steps - NUM_STEPS)
                return Timing(whole_s, peak(), compiling_s)
        except torch.OutOfMemoryError as error:
            raise MemoryError from error

    def _seconds(self, num_jobs: int, num_steps: int) -> float:
        """The better of two, as others may want the same cores."""
        taken = []
        for _ in range(2):
            began_at = time.monotonic()
            self.make(num_jobs, num_steps=num_steps)
            taken.append(time.monotonic() - began_at)
        return min(taken)
