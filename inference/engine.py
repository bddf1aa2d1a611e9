"""One model family on one device, loaded once and warmed up; then: prepare | begin, step ... step, decode | finish."""

from __future__ import annotations

import contextlib
import logging
import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from inference.acceleration import accelerate
from inference.batching import BatchPolicy, DeviceLostError, EngineError, Picture, never_stopped, no_progress
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.options import EngineOptions
from inference.reuse import Reuse
from inference.stats import Stats
from inference.terms import check_card, check_offered, fewer_steps, settings_of
from inference.threads import Threads
from models.base import Loading, TryOnFamily, TryOnInputs, UnusableInput
from models.catalog import FAMILIES, ModelCard
from models.exactness import Optimisation
from models.preprocess.helpers import Helpers

GREY, WHITE = 128, 255
WARM_UP_STEPS = 2
CODES = {"person": ErrorCode.PHOTO_UNUSABLE, "garment": ErrorCode.GARMENT_UNUSABLE}
WORN = {"upper": "on the upper body", "lower": "on the legs", "overall": "on the whole body"}

logger = logging.getLogger(__name__)


def family_of(card: ModelCard) -> type[TryOnFamily[Any, Any, Any]]:
    """The class that the card's family names."""
    family: type[TryOnFamily[Any, Any, Any]] = pkgutil.resolve_name(FAMILIES[card.family])
    return family


class Engine:
    """The card's family on `cpu`, `cuda` or `cuda:N`, loaded and warmed up; after this nothing loads.

    Raises:
        EngineError: there is no such device.
        models.catalog.CardError: it is strict and run with something approximate, or asks for what there is not.
        models.weights.WeightsError: the checkpoint is not whole; the message names the command.
    """

    def __init__(self, card: ModelCard, device_name: str, options: EngineOptions) -> None:
        started_at = time.monotonic()
        self._device = torch.device(device_name)
        if self._device.type == "cuda" and (self._device.index or 0) >= torch.cuda.device_count():
            raise EngineError(f"There is no CUDA device for {device_name!r}: use --device cpu, or mend the driver.")
        # More than one at a time gains a CPU nothing, and makes each shopper wait for the others.
        max_jobs = 4 if options.overlap and self._device.type == "cuda" else 1
        self.policy = BatchPolicy(max_jobs, options.batch_window_s if max_jobs > 1 else 0.0, options.overlap)
        self._threads = Threads(self._device, overlap=options.overlap)
        self.stats = Stats()
        self._card = card
        folder = None if options.cache_folder is None else options.cache_folder / "reuse"
        self.reuse = Reuse(self._device, options.reuse, folder, self.stats)
        self._family = family_of(card).load(card, self._device, Loading(Helpers.load(card, self._device), self.reuse))
        self._categories = self._family.categories & set(card.categories)
        self._acceleration = accelerate(self._family, card, self._device, options.compiled_folder)
        check_card(card, self._family.approximations, self._making(BatchKey(card.name, None, None)))
        self._warm_up(card)
        self._acceleration.settle()
        logger.info("%s is ready on %s after %.1f s", card.name, self._device, time.monotonic() - started_at)

    def _warm_up(self, card: ModelCard) -> None:
        """Make grey pictures in two steps, so that the first shopper does not wait for what is built lazily.

        Families may guide all steps but the last, or compute a garment in the first alone: two show both kinds. What
        is compiled has a graph of its own for each batch size, guided and not.
        """
        grey = np.full((card.height, card.width, 3), GREY, np.uint8)
        mask = np.full((card.height, card.width), WHITE, np.uint8)
        inputs = TryOnInputs(grey, grey, card.categories[0], seed=0, mask=mask, densepose=grey)
        largest = self.policy.max_jobs if self._acceleration.is_compiled else 1
        try:
            prepared = self._prepared(inputs)
            for size in range(1, largest + 1):
                for guidance in self._acceleration.warm_guidance:
                    key = BatchKey(card.name, WARM_UP_STEPS, guidance)
                    canvas = self.denoise([prepared] * size, key, no_progress, never_stopped)[0]
            assert canvas is not None
            self.finish(prepared, canvas)
        except GenerationError:
            logger.info("no warm-up: the family wants a real picture")

    def prepare(self, inputs: TryOnInputs, key: BatchKey) -> Any:
        """One job's pictures, made ready on the CPU.

        Raises:
            GenerationError: they cannot be used, or not made so.
        """
        check_offered(key, self._card, self._family.approximations, self._making(key))
        return self._prepared(inputs)

    def _prepared(self, inputs: TryOnInputs) -> Any:
        if inputs.category not in self._categories:
            raise GenerationError(
                ErrorCode.GARMENT_UNUSABLE,
                f"Products worn {WORN[inputs.category]} can't be tried on here. Please choose another product.",
            )
        try:
            self._threads.help()
            with device_errors():
                return self._family.prepare(inputs)
        except UnusableInput as error:
            raise GenerationError(CODES[error.which], error.sentence) from error

    def denoise(
        self,
        prepared: Sequence[Any],
        key: BatchKey,
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[Canvas | None]:
        """What the device makes of a batch; each canvas is there when `finish` has waited for it.

        Raises:
            DeviceLostError: the device needs a new process.
        """
        self._threads.lead()
        settings, running, pace = settings_of(key, self._card), set(range(len(prepared))), Pace(self._device)
        with device_errors():
            state = self._family.begin(prepared, settings)
        for step in range(settings.num_inference_steps):
            with device_errors():
                self._family.step(state)
                pace.wait_for_the_step_before()
            on_progress((step + 1) / settings.num_inference_steps)
            running -= {index for index in sorted(running) if stopped(index)}
            if not running:
                return [None] * len(prepared)
        with device_errors():
            canvases, written = self._family.decode(state), Written(self._device)
        making = self._making(key)
        return [Canvas(canvas, written, making) if index in running else None for index, canvas in enumerate(canvases)]

    def finish(self, prepared: Any, canvas: Canvas) -> Picture:
        """One job's picture, composed on the CPU.

        Raises:
            DeviceLostError: the device needs a new process.
        """
        self._threads.help()
        with device_errors():
            canvas.written.wait()
            image = self._family.finish(prepared, canvas.pixels)
        return Picture(image, self._family.warnings(prepared), canvas.making)

    def _making(self, key: BatchKey) -> tuple[Optimisation, ...]:
        """What makes such pictures cheaper."""
        settings = settings_of(key, self._card)
        of_family = self._family.optimisations(settings) + fewer_steps(settings, self._card)
        return of_family + self._acceleration.optimisations


@contextlib.contextmanager
def device_errors() -> Iterator[None]:
    """Inference mode, and the device's errors as ours.

    Raises:
        DeviceLostError: after this error every call to the device would fail.
    """
    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()  # each job is tried alone next
        raise
    except torch.AcceleratorError as error:
        raise DeviceLostError(str(error)) from error


class Written:
    """Whether the device has come as far as it was told until now."""

    def __init__(self, device: torch.device) -> None:
        self._event: torch.cuda.Event | None = None
        if device.type == "cuda":
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record(torch.cuda.current_stream(device))

    def wait(self) -> None:
        if self._event is not None:
            self._event.synchronize()


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a family made for one job, to be read when it is `written`."""

    pixels: Any
    written: Written
    making: tuple[Optimisation, ...]


class Pace:
    """Lets the device be one step behind the loop: never idle, yet progress and cancellation are at most a step off."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before: Written | None = None

    def wait_for_the_step_before(self) -> None:
        queued = Written(self._device)
        if self._before is not None:
            self._before.wait()
        self._before = queued
