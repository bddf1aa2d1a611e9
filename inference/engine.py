"""One model family on one device, loaded once and warmed up; then: prepare | begin, step ... step, decode | finish."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from inference.acceleration import accelerate
from inference.batching import BatchPolicy, EngineError, Picture, never_stopped, no_progress
from inference.device import (
    Pace,
    Written,
    device_errors,
    memory_of,
    name_of,
    peak_memory,
    without_synchronisation,
)
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.loading import loaded, tell_peak
from inference.options import EngineOptions
from inference.profiles import Profile, Profiles, Timing, measured, with_most
from inference.reuse import Reuse
from inference.stats import Stats
from inference.terms import check_card, check_offered, fewer_steps, settings_of, together
from inference.threads import Threads
from models.base import Loading, TryOnInputs, UnusableInput
from models.catalog import ModelCard
from models.exactness import Optimisation
from models.preprocess.helpers import Helpers

GREY, WHITE = 128, 255
WARM_UP_STEPS = 2
CODES = {"person": ErrorCode.PHOTO_UNUSABLE, "garment": ErrorCode.GARMENT_UNUSABLE}
WORN = {"upper": "on the upper body", "lower": "on the legs", "overall": "on the whole body"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a family made for one job, to be read when it is `written`."""

    pixels: Any
    written: Written
    making: tuple[Optimisation, ...]


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
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device.index or 0)  # for what names no device, as streams of libraries do
        self.policy = BatchPolicy(1, 0.0, options.overlap)
        self._options = options
        self._threads = Threads(self._device, overlap=options.overlap)
        self.stats = Stats()
        self._card = card
        self._profile: Profile | None = None
        folder = None if options.cache_folder is None else options.cache_folder / "reuse"
        self.reuse = Reuse(self._device, options.reuse, folder, self.stats)
        self._family = loaded(card, self._device, Loading(Helpers.load(card, self._device), self.reuse))
        self._categories = self._family.categories & set(card.categories)
        self._acceleration = accelerate(self._family, card, self._device, options.compiled_folder)
        self.reuse.variant = "compiled" if self._acceleration.is_compiled else ""
        check_card(card, self._family.approximations, self._making(BatchKey(card.name, None, None)))
        self._warm_up(card)
        self._acceleration.settle()
        tell_peak(self._device)
        logger.info("%s is ready on %s after %.1f s", card.name, self._device, time.monotonic() - started_at)

    def _warm_up(self, card: ModelCard) -> None:
        """Make grey pictures in two steps, so that the first shopper does not wait for what is built lazily; and where
        jobs go in batches, see how large a batch is best.

        Families may guide all steps but the last, or compute a garment in the first alone: two show both kinds. What
        is compiled has a graph of its own for each batch size, guided and not.
        """
        grey = np.full((card.height, card.width, 3), GREY, np.uint8)
        mask = np.full((card.height, card.width), WHITE, np.uint8)
        inputs = TryOnInputs(grey, grey, card.categories[0], seed=0, mask=mask, densepose=grey)
        try:
            prepared = self._prepared(inputs)
        except GenerationError:
            logger.info("no warm-up: the family wants a real picture")
            return
        if self.policy.overlap:
            self._profiles = Profiles(self._options.cache_folder, self._circumstance())
            self._profile = self._profiles.load()
        if self._profile is None or self._device.type != "cpu" or self._acceleration.optimisations:
            self.finish(prepared, self._make_grey(prepared, 1)[0])  # a CPU that was seen to work builds nothing lazily
        if self.policy.overlap:
            self._profile = self._profile or self._measured(prepared)
            self._keep(self._profile)
        largest = self.policy.max_jobs if self._acceleration.is_compiled else 0
        for size in range(1, largest + 1):
            for guidance in self._acceleration.warm_guidance:
                self._make_grey(prepared, size, guidance)

    def _make_grey(self, prepared: Any, num_jobs: int, guidance: float | None = None) -> list[Canvas]:
        """A batch of pictures that nobody sees."""
        key = BatchKey(self._card.name, WARM_UP_STEPS, guidance)
        canvases = self._made([prepared] * num_jobs, key, no_progress, never_stopped)
        made = [canvas for canvas in canvases if canvas is not None]
        made[-1].written.wait()
        return made

    def _measured(self, prepared: Any) -> Profile:
        profile = measured(lambda size: self._timed(prepared, size), memory_bytes=memory_of(self._device))
        self._profiles.save(profile)
        return profile

    def _timed(self, prepared: Any, num_jobs: int) -> Timing:
        try:
            if self._acceleration.is_compiled:
                self._make_grey(prepared, num_jobs)
            with peak_memory(self._device) as peak:
                began_at = time.monotonic()
                self._make_grey(prepared, num_jobs)
                return Timing(time.monotonic() - began_at, peak())
        except torch.OutOfMemoryError as error:
            raise MemoryError from error

    def _keep(self, profile: Profile) -> None:
        window_s = self._options.batch_window_s if profile.max_jobs > 1 else 0.0
        self.policy = BatchPolicy(profile.max_jobs, window_s)
        logger.info("%d generation(s) a batch; seconds of one: %s", profile.max_jobs, dict(profile.seconds))

    def _circumstance(self) -> dict[str, object]:
        """What decides how large a batch is best."""
        card, making = self._card, self._making(BatchKey(self._card.name, None, None))
        return {
            "card": [card.name, card.revision, card.precision, card.height, card.width],
            "device": name_of(self._device),
            "versions": [torch.__version__, torch.version.cuda],
            "making": [one.name for one in making],
        }

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

        Where its memory holds no such batch, it makes halves, and from then on takes no larger ones.

        Raises:
            DeviceLostError: the device needs a new process.
        """
        try:
            return self._made(prepared, key, on_progress, stopped)
        except torch.OutOfMemoryError:
            if len(prepared) == 1:
                raise
        half = len(prepared) // 2
        self._take_at_most(half)
        share = half / len(prepared)
        first = self.denoise(prepared[:half], key, lambda done: on_progress(share * done), stopped)
        second = self.denoise(
            prepared[half:],
            key,
            lambda done: on_progress(share + (1 - share) * done),
            lambda index: stopped(half + index),
        )
        return first + second

    def _take_at_most(self, num_jobs: int) -> None:
        logger.warning("the device's memory holds no larger batches than %d: it takes no larger ones", num_jobs)
        if self._profile is not None:
            self._profile = with_most(self._profile, num_jobs)
            self._profiles.save(self._profile)
            self._keep(self._profile)

    def _made(
        self,
        prepared: Sequence[Any],
        key: BatchKey,
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[Canvas | None]:
        self._threads.lead()
        settings, running, pace = settings_of(key, self._card), set(range(len(prepared))), Pace(self._device)
        with device_errors():
            state = self._family.begin(prepared, settings)
        for step in range(settings.num_inference_steps):
            with device_errors(), without_synchronisation(self._device, forbidden=self._options.forbid_synchronisation):
                self._family.step(state)
                pace.wait_for_the_step_before()
            on_progress((step + 1) / settings.num_inference_steps)
            running -= {index for index in sorted(running) if stopped(index)}
            if not running:
                return [None] * len(prepared)
        with device_errors():
            canvases, written = self._family.decode(state), Written(self._device)
        making = self._making(key) + together(len(prepared))
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
