"""A batch's way over the device: begin, step ... step, decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from inference.device import Pace, Written, device_errors, without_synchronisation
from inference.threads import Threads
from models.base import SamplingSettings, TryOnFamily
from models.exactness import Optimisation


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a family made for one job, to be read when it is `written`."""

    pixels: Any
    written: Written
    making: tuple[Optimisation, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """Of one family on one device. `forbid_synchronisation`: a step that waits for a GPU is an error."""

    family: TryOnFamily[Any, Any, Any]
    device: torch.device
    threads: Threads
    forbid_synchronisation: bool

    def made(
        self,
        prepared: Sequence[Any],
        settings: SamplingSettings,
        making: Callable[[], tuple[Optimisation, ...]],
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[Canvas | None]:
        """A canvas for each of `prepared`, None for those that were stopped; for all, when no other is left.

        `making` is asked last: some of it is measured in the first batch.

        Raises:
            torch.OutOfMemoryError: the device's memory does not hold so many.
            inference.batching.DeviceLostError: the device needs a new process.
        """
        self.threads.lead()
        running, pace = set(range(len(prepared))), Pace(self.device)
        with device_errors():
            state = self.family.begin(prepared, settings)
        for step in range(settings.num_inference_steps):
            with device_errors(), without_synchronisation(self.device, forbidden=self.forbid_synchronisation):
                self.family.step(state)
                pace.wait_for_the_step_before()
            on_progress((step + 1) / settings.num_inference_steps)
            running -= {index for index in sorted(running) if stopped(index)}
            if not running:
                return [None] * len(prepared)
        with device_errors():
            canvases, written = self.family.decode(state), Written(self.device)
        made_by = making()
        return [Canvas(canvas, written, made_by) if index in running else None for index, canvas in enumerate(canvases)]
