"""One model family on one device, loaded once and warmed up; then: prepare | begin, step ... step, decode | finish."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from inference.acceleration import accelerate
from inference.batching import BatchPolicy, EngineError, Picture, never_stopped, no_progress
from inference.device import device_errors, name_of
from inference.device_figures import device_figures
from inference.halving import in_halves
from inference.jobs import BatchKey, ErrorCode, GenerationError
from inference.loading import loaded, tell_peak
from inference.loop import Canvas, Loop
from inference.options import EngineOptions
from inference.profiles import Profile, Profiles, with_most
from inference.reuse import Reuse
from inference.stats import Stats
from inference.terms import check_card, check_offered, fewer_steps, settings_of, together
from inference.threads import Threads
from inference.warming import NUM_STEPS, WarmUp, grey_inputs, takes_too_long
from models.base import Loading, TryOnInputs, UnusableInput
from models.catalog import ModelCard
from models.exactness import Optimisation
from models.preprocess.helpers import Helpers

CODES = {"person": ErrorCode.PHOTO_UNUSABLE, "garment": ErrorCode.GARMENT_UNUSABLE}
WORN = {"upper": "on the upper body", "lower": "on the legs", "overall": "on the whole body"}

logger = logging.getLogger(__name__)


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
        self.stats.watch(device_figures(self._device))
        self._card = card
        self._profile: Profile | None = None
        folder = None if options.cache_folder is None else options.cache_folder / "reuse"
        self.reuse = Reuse(self._device, options.reuse, folder, self.stats)
        self._family = loaded(card, self._device, Loading(Helpers.load(card, self._device), self.reuse))
        self._loop = Loop(self._family, self._device, self._threads, forbid_synchronisation=False)
        self._categories = self._family.categories & set(card.categories)
        self._acceleration = accelerate(self._family, card, self._device, options.compiled_folder)
        self.reuse.variant = "compiled" if self._acceleration.is_compiled else ""
        check_card(card, self._family.approximations, self._making(BatchKey(card.name, None, None)))
        if options.alone:
            self._acceleration.warm_guidance = (None,)
        self._warm_up()
        self._acceleration.settle()
        self._loop = replace(self._loop, forbid_synchronisation=options.forbid_synchronisation)
        tell_peak(self._device)
        logger.info("%s is ready on %s after %.1f s", card.name, self._device, time.monotonic() - started_at)

    @property
    def profile(self) -> Profile | None:
        """What it knows of batches of each size; None where jobs go one by one."""
        return self._profile

    def _warm_up(self) -> None:
        """So that the first shopper does not wait for what is built lazily; and see how large a batch is best."""
        if takes_too_long(self._card, self._device) and not self._acceleration.optimisations:
            logger.info("no warm-up, and one generation a batch: a picture of %s takes a CPU minutes", self._card.name)
            return
        try:
            prepared = self._prepared(grey_inputs(self._card))
        except GenerationError:
            logger.info("no warm-up: the family wants a real picture")
            return

        def make(num_jobs: int, guidance: float | None = None, num_steps: int = NUM_STEPS) -> Canvas:
            key = BatchKey(self._card.name, num_steps, guidance)
            canvas = self._made([prepared] * num_jobs, key, no_progress, never_stopped)[-1]
            assert canvas is not None, "nobody stops it"
            canvas.written.wait()
            return canvas

        profiles = None
        if self.policy.overlap and not self._options.alone:
            profiles = self._profiles = Profiles(self._options.cache_folder, self._circumstance())
        finish = partial(self.finish, prepared)
        self._keep(
            WarmUp(self._device, self._acceleration, profiles, make, finish, self._card.num_inference_steps).run()
        )

    def _keep(self, profile: Profile | None) -> None:
        self._profile = profile
        if profile is not None:
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
        self._take_at_most(len(prepared) // 2)
        return in_halves(lambda half, *told: self.denoise(half, key, *told), prepared, on_progress, stopped)

    def _take_at_most(self, num_jobs: int) -> None:
        logger.warning("the device's memory holds no larger batches than %d: it takes no larger ones", num_jobs)
        if self._profile is not None:
            profile = with_most(self._profile, num_jobs)
            self._profiles.save(profile)
            self._keep(profile)

    def _made(
        self,
        prepared: Sequence[Any],
        key: BatchKey,
        on_progress: Callable[[float], None],
        stopped: Callable[[int], bool],
    ) -> list[Canvas | None]:
        settings = settings_of(key, self._card)
        making = partial(self._making, key, len(prepared))
        return self._loop.made(prepared, settings, making, on_progress, stopped)

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

    def forget(self) -> None:
        """Drop whatever it remembers that shows a person."""
        self.reuse.forget()

    def _making(self, key: BatchKey, num_jobs: int = 1) -> tuple[Optimisation, ...]:
        """What makes such pictures cheaper, so many at once."""
        settings = settings_of(key, self._card)
        of_family = self._family.optimisations(settings) + fewer_steps(settings, self._card)
        return of_family + self._acceleration.optimisations + together(num_jobs)
