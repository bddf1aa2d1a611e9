"""One model family on one device, loaded once and warmed up; then: prepare, begin, step ... step, finish."""

from __future__ import annotations

import contextlib
import logging
import pkgutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from inference.batching import Batch, BatchPolicy, DeviceLostError, EngineError, Picture
from inference.jobs import ErrorCode, GenerationError
from inference.terms import check_card, check_offered, fewer_steps, settings_of
from models.base import GarmentCache, Loading, TryOnFamily, TryOnInputs, UnusableInput
from models.catalog import FAMILIES, ModelCard
from models.exactness import Optimisation
from models.preprocess.helpers import Helpers

GREY, WHITE = 128, 255
WARM_UP_STEPS = 2
CODES = {"person": ErrorCode.PHOTO_UNUSABLE, "garment": ErrorCode.GARMENT_UNUSABLE}
WORN = {"upper": "on the upper body", "lower": "on the legs", "overall": "on the whole body"}

logger = logging.getLogger(__name__)


def family_of(card: ModelCard) -> type[TryOnFamily[Any, Any]]:
    """The class that the card's family names."""
    family: type[TryOnFamily[Any, Any]] = pkgutil.resolve_name(FAMILIES[card.family])
    return family


class Engine:
    """The card's family on `cpu`, `cuda` or `cuda:N`, loaded and warmed up; after this nothing loads.

    Raises:
        EngineError: there is no such device.
        models.catalog.CardError: it is strict and run with something approximate, or asks for what there is not.
        models.weights.WeightsError: the checkpoint is not whole; the message names the command.
    """

    def __init__(self, card: ModelCard, device_name: str, garment_cache: GarmentCache | None = None) -> None:
        started_at = time.monotonic()
        self._device = torch.device(device_name)
        if self._device.type == "cuda" and (self._device.index or 0) >= torch.cuda.device_count():
            raise EngineError(f"There is no CUDA device for {device_name!r}: use --device cpu, or mend the driver.")
        # More than one at a time gains a CPU nothing, and makes each shopper wait for the others.
        self.policy = BatchPolicy() if self._device.type == "cuda" else BatchPolicy(max_jobs=1, window_s=0.0)
        self._card = card
        self._family = family_of(card).load(
            card, self._device, Loading(Helpers.load(card, self._device), garment_cache)
        )
        self._categories = self._family.categories & set(card.categories)
        check_card(card, self._family.approximations, self._making(Batch([], None, None)))
        self._warm_up(card)
        logger.info("%s is ready on %s after %.1f s", card.name, self._device, time.monotonic() - started_at)

    def _warm_up(self, card: ModelCard) -> None:
        """Make one grey picture in two steps, so that the first shopper does not wait for what is built lazily.

        Families may guide all steps but the last, or compute a garment in the first alone: two show both kinds.
        """
        grey = np.full((card.height, card.width, 3), GREY, np.uint8)
        mask = np.full((card.height, card.width), WHITE, np.uint8)
        inputs = TryOnInputs(grey, grey, card.categories[0], seed=0, mask=mask, densepose=grey)
        batch = Batch([inputs], num_inference_steps=WARM_UP_STEPS, guidance_scale=None)
        for _, outcome in self._generate(batch, lambda fraction: None, lambda index: False):
            if isinstance(outcome, GenerationError):
                logger.info("no warm-up: the family wants a real picture")

    def generate(
        self, batch: Batch, on_progress: Callable[[float], None], stopped: Callable[[int], bool]
    ) -> Iterator[tuple[int, Picture | GenerationError]]:
        """Each input's index and its picture or error, as soon as it is known.

        `on_progress` is told after each step how much of the batch is done (0 to 1); between two steps, the inputs for
        which `stopped` says so end, and when none is left, so does the batch.

        Raises:
            DeviceLostError: the device needs a new process.
        """
        try:
            check_offered(batch, self._card, self._family.approximations, self._making(batch))
        except GenerationError as error:
            yield from ((index, error) for index in range(len(batch.inputs)))
        else:
            yield from self._generate(batch, on_progress, stopped)

    def _generate(
        self, batch: Batch, on_progress: Callable[[float], None], stopped: Callable[[int], bool]
    ) -> Iterator[tuple[int, Picture | GenerationError]]:
        prepared: dict[int, Any] = {}
        for index, inputs in enumerate(batch.inputs):
            outcome = self._prepare(inputs)
            if isinstance(outcome, GenerationError):
                yield index, outcome
            else:
                prepared[index] = outcome
        if not prepared:
            return

        settings, running, pace = settings_of(batch, self._card), list(prepared), Pace(self._device)
        with self._on_device():
            state = self._family.begin(list(prepared.values()), settings)
        for step in range(settings.num_inference_steps):
            with self._on_device():
                self._family.step(state)
                pace.wait_for_the_step_before()
            on_progress((step + 1) / settings.num_inference_steps)
            for index in filter(stopped, list(running)):
                running.remove(index)
                yield index, GenerationError(ErrorCode.CANCELLED, "This generation was cancelled.")
            if not running:
                return
        with self._on_device():
            images = dict(zip(prepared, self._family.finish(state), strict=True))
        making = self._making(batch)
        for index in running:
            yield index, Picture(images[index], self._family.warnings(prepared[index]), making)

    def _making(self, batch: Batch) -> tuple[Optimisation, ...]:
        """What makes the pictures of a batch cheaper."""
        settings = settings_of(batch, self._card)
        return self._family.optimisations(settings) + fewer_steps(settings, self._card)

    def _prepare(self, inputs: TryOnInputs) -> Any:
        if inputs.category not in self._categories:
            return GenerationError(
                ErrorCode.GARMENT_UNUSABLE,
                f"Products worn {WORN[inputs.category]} can't be tried on here. Please choose another product.",
            )
        try:
            with self._on_device():
                return self._family.prepare(inputs)
        except UnusableInput as error:
            return GenerationError(CODES[error.which], error.sentence)

    @contextlib.contextmanager
    def _on_device(self) -> Iterator[None]:
        try:
            with torch.inference_mode():
                yield
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()  # each job is tried alone next
            raise
        except torch.AcceleratorError as error:  # after one of these every call to the device fails
            raise DeviceLostError(str(error)) from error


class Pace:
    """Lets the device be one step behind the loop: never idle, yet progress and cancellation are at most a step off."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before: torch.cuda.Event | None = None

    def wait_for_the_step_before(self) -> None:
        if self._device.type != "cuda":
            return
        queued = torch.cuda.Event()  # type: ignore[no-untyped-call]
        queued.record(torch.cuda.current_stream(self._device))
        if self._before is not None:
            self._before.synchronize()
        self._before = queued
