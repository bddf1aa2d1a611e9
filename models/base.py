"""What every try-on family is: four verbs over a batch.

The engine owns the loop and calls `prepare` for each job, then `begin`, `step` x N and `finish` for a batch;
the family owns the maths and knows no job, no shop and no HTTP.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

    from models.catalog import ModelCard

Image = npt.NDArray[np.uint8]
"""`uint8 [H, W, 3] RGB`."""


class UnusableInput(ValueError):
    """A photograph or garment this family cannot work with; the message is a sentence for the shopper."""

    def __init__(self, which: str, sentence: str) -> None:
        super().__init__(sentence)
        self.which = which  # "person" or "garment"
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class TryOnInputs:
    """One job's pictures. `person`, `garment`: `uint8 [H, W, 3] RGB`, any size; `category`: upper, lower, overall."""

    person: Image
    garment: Image
    category: str
    seed: int


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """`num_inference_steps` >= 1; `guidance_scale` >= 0 (families without guidance ignore it)."""

    num_inference_steps: int
    guidance_scale: float


PreparedT = TypeVar("PreparedT")
StateT = TypeVar("StateT")


class TryOnFamily(ABC, Generic[PreparedT, StateT]):
    """A network family, loaded once on one device."""

    categories: ClassVar[frozenset[str]]

    @classmethod
    @abstractmethod
    def load(cls, card: ModelCard, folder: Path, device: torch.device) -> Self:
        """Load the card's files from `folder` strictly.

        Raises:
            models.weights.WeightsError: a file or key is missing or unexpected; the message
                says how to mend it.
        """

    @abstractmethod
    def prepare(self, inputs: TryOnInputs) -> PreparedT:
        """CPU work for one job.

        Raises:
            UnusableInput: the person or the garment cannot be used.
        """

    @abstractmethod
    def begin(self, prepared: Sequence[PreparedT], settings: SamplingSettings) -> StateT:
        """Start a batch: condition, and draw each job's noise from its own seed."""

    @abstractmethod
    def step(self, state: StateT) -> None:
        """One denoising step for the whole batch, in place. Called `num_inference_steps` times."""

    @abstractmethod
    def finish(self, state: StateT) -> list[Image]:
        """The pictures, in the order of `prepared`, each at its own person's size."""
