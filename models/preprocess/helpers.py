"""The networks that prepare pictures for families, each from a card of its own."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from models.catalog import HELPERS, ModelCard
from models.files.checking import WeightsError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from models.base import Image, Mask
    from models.preprocess.pose import Pose

SLOTS = {"dwpose": "pose", "segformer": "parser", "sam": "segmenter"}
"""Family of a helper's card -> the field it fills."""

logger = logging.getLogger(__name__)


class PoseEstimator(Protocol):
    """Finds the joints of the most prominent person; None when there is nobody."""

    def __call__(self, image: Image) -> Pose | None: ...


class Parser(Protocol):
    """Says of each pixel what it shows: `uint8 [H, W]` of `models.preprocess.parts.Part`."""

    def __call__(self, image: Image) -> npt.NDArray[np.uint8]: ...


class Segmenter(Protocol):
    """The thing on which `points` `[N, 2]` (x, y in pixels) lie: 255 on it, 0 elsewhere."""

    def __call__(self, image: Image, points: npt.NDArray[np.float32]) -> Mask: ...


def finders(helpers: Iterable[ModelCard]) -> list[ModelCard]:
    """Those with which masks are found."""
    return [helper for helper in helpers if SLOTS[helper.family] == "parser"]


@dataclass(frozen=True, slots=True)
class Helpers:
    """Those that the card names and that are fetched; a family says what it does without one."""

    pose: PoseEstimator | None = None
    parser: Parser | None = None
    segmenter: Segmenter | None = None

    @classmethod
    def load(cls, card: ModelCard, device: torch.device) -> Self:
        """The helpers that `card` needs, and of its optional ones those that are fetched; of one kind, the first.

        Raises:
            models.weights.WeightsError: a needed one is missing or damaged; the message says how to mend it.
        """
        missing = [helper.title for helper in card.helpers if not helper.is_fetched]
        if missing and not card.is_fetched:  # one command fetches both
            raise WeightsError(f"{card.title} and {missing[0]}, which it needs, are not here. {card.mending}")
        fetched = [helper for helper in card.optional_helpers if helper.is_fetched]
        for helper in card.optional_helpers:
            if helper not in fetched:
                logger.info("%s works without %s, which is not fetched", card.name, helper.name)
        loaded: dict[str, Any] = {}
        for helper in (*card.helpers, *fetched):
            if (slot := SLOTS[helper.family]) not in loaded:
                loaded[slot] = pkgutil.resolve_name(HELPERS[helper.family]).load(helper, device)
        return cls(**loaded)
