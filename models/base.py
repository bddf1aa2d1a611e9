"""What every try-on family is: five verbs.

The engine owns the loop. On CPU threads it calls `prepare` for each job; then, where the device is, `begin`, `step` x N
and `decode` for a batch; then, on CPU threads again, `finish` for each. The family owns the maths and knows no job, no
shop and no HTTP.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from models.exactness import NONE, Approximations, Optimisation

if TYPE_CHECKING:
    import torch
    from torch import nn

    from models.catalog import ModelCard
    from models.flops import FlopCount
    from models.preprocess.helpers import Helpers
    from models.reuse import Store

Image = npt.NDArray[np.uint8]
"""`uint8 [H, W, 3] RGB`."""

Mask = npt.NDArray[np.uint8]
"""`uint8 [H, W]`: 255 where the garment may be drawn, 0 where the person stays."""


class UnusableInput(ValueError):
    """A photograph or garment this family cannot work with; the message is a sentence for the shopper."""

    def __init__(self, which: str, sentence: str) -> None:
        super().__init__(sentence)
        self.which = which  # "person" or "garment"
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class TryOnInputs:
    """One job's pictures. `person`, `garment`: `uint8 [H, W, 3] RGB`, any size; `category`: upper, lower, overall.

    `mask` and `densepose` are of the person's size. Outside a `mask` nothing changes; without one, a family that needs
    it finds it by itself. A family that has no use for `densepose` ignores it. `garment_is_worn`: somebody wears the
    garment in its picture.
    """

    person: Image
    garment: Image
    category: str
    seed: int
    mask: Mask | None = None
    densepose: Image | None = None  # the segmentation colours that DensePose draws
    garment_is_worn: bool = False


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """`num_inference_steps` >= 1; `guidance_scale` >= 0 (families without guidance ignore it).

    Of `approximations`, the steps are in `num_inference_steps` already; what is None is off.
    """

    num_inference_steps: int
    guidance_scale: float
    approximations: Approximations = NONE

    @classmethod
    def of(cls, card: ModelCard, asked: Approximations = NONE) -> Self:
        """The card's, but for what is `asked`."""
        chosen = asked.over(card.approximations)
        return cls(chosen.num_inference_steps or card.num_inference_steps, card.guidance_scale, chosen)


@dataclass(frozen=True, slots=True)
class Loading:
    """What a family is loaded with besides its card.

    `reuse`: where what was computed is kept for other requests. `exact_savings`: leave out the work whose result the
    published code throws away; off, to compare with it.
    """

    helpers: Helpers | None = None
    reuse: Store | None = None
    exact_savings: bool = True


PreparedT = TypeVar("PreparedT")
StateT = TypeVar("StateT")
CanvasT = TypeVar("CanvasT")


class TryOnFamily(ABC, Generic[PreparedT, StateT, CanvasT]):
    """A network family, loaded once on one device."""

    categories: ClassVar[frozenset[str]]
    has_one_canvas: ClassVar[bool] = True
    """Whether all pictures are denoised at the card's size, so that a batch's shapes follow from its size alone."""

    repeated: ClassVar[tuple[type[nn.Module], ...]] = ()
    """Kinds of block of which the denoiser is a long row. Each is compiled once for all of its kind, and not the whole
    network: that is about as fast, and takes seconds instead of minutes."""

    placements: ClassVar[frozenset[str]] = frozenset({"device"})
    """What a card of this family may say of where its weights lie (`models.placement`)."""
    approximations: frozenset[str] = frozenset()
    """The names of those in `models.exactness.Approximations` that it honours; a checkpoint may honour fewer."""

    @classmethod
    @abstractmethod
    def load(cls, card: ModelCard, device: torch.device, loading: Loading) -> Self:
        """Load the card's files from its folder strictly, in the card's precision where the device has it.

        Raises:
            models.weights.WeightsError: a file or key is missing or unexpected; the message
                says how to mend it.
        """

    @classmethod
    @abstractmethod
    def count_flops(cls, card: ModelCard) -> FlopCount:
        """The work of one finished picture at the card's defaults, counted on the meta device; nothing is fetched."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What may be compiled, cast and laid out anew in place, each called with tensors alone.

        Not what `models.placement` has placed elsewhere than on the device.

        `denoiser` is the one that a step calls; others are `reference`, `vae_encoder`, `vae_decoder`.
        """
        return {}

    @abstractmethod
    def prepare(self, inputs: TryOnInputs) -> PreparedT:
        """CPU work for one job, on any thread, while the device works on others.

        Raises:
            UnusableInput: the person or the garment cannot be used.
        """

    def warnings(self, prepared: PreparedT) -> tuple[str, ...]:
        """What the caller should know about this picture, in sentences."""
        return ()

    def optimisations(self, settings: SamplingSettings) -> tuple[Optimisation, ...]:
        """What makes pictures of these settings cheaper than by the published code, but for fewer steps."""
        return ()

    @abstractmethod
    def begin(self, prepared: Sequence[PreparedT], settings: SamplingSettings) -> StateT:
        """Start a batch: condition, and draw each job's noise from its own seed.

        The canvases of a batch may differ in size; such a family denoises each size by itself within a step.
        """

    @abstractmethod
    def step(self, state: StateT) -> None:
        """One denoising step for the whole batch, in place. Called `num_inference_steps` times.

        It never waits for a GPU: nothing comes to the host, nothing goes from it to the device.
        """

    @abstractmethod
    def decode(self, state: StateT) -> list[CanvasT]:
        """What was generated for each of `prepared`, on its way to host memory: it may be read when the device's
        stream has come this far.
        """

    @abstractmethod
    def finish(self, prepared: PreparedT, canvas: CanvasT) -> Image:
        """CPU work for one job, on any thread: its picture, at its person's size, from its own `canvas` of `decode`.

        Raises:
            models.developed.NotNumbersError: the network made no picture.
        """
